// SPDX-License-Identifier: Apache-2.0
// Operations on a vCPU and its processor state by name.

/// Commands of `vcpu_op` (VCPUOP_* in xen/vcpu.h).
public enum VCPUOperation {
  /// `VCPUOP_initialise`.
  @inlinable public static var initialise: UInt32 { 0 }
  /// `VCPUOP_up`.
  @inlinable public static var up: UInt32 { 1 }
  /// `VCPUOP_down`.
  @inlinable public static var down: UInt32 { 2 }
  /// `VCPUOP_is_up`.
  @inlinable public static var isUp: UInt32 { 3 }
  /// `VCPUOP_get_runstate_info`.
  @inlinable public static var getRunstateInfo: UInt32 { 4 }
  /// `VCPUOP_register_runstate_memory_area`.
  @inlinable public static var registerRunstateMemoryArea: UInt32 { 5 }
  /// `VCPUOP_set_periodic_timer`.
  @inlinable public static var setPeriodicTimer: UInt32 { 6 }
  /// `VCPUOP_stop_periodic_timer`.
  @inlinable public static var stopPeriodicTimer: UInt32 { 7 }
  /// `VCPUOP_set_singleshot_timer`.
  @inlinable public static var setSingleshotTimer: UInt32 { 8 }
  /// `VCPUOP_stop_singleshot_timer`.
  @inlinable public static var stopSingleshotTimer: UInt32 { 9 }
  /// `VCPUOP_register_vcpu_info`.
  @inlinable public static var registerVCPUInfo: UInt32 { 10 }
  /// `VCPUOP_send_nmi`.
  @inlinable public static var sendNMI: UInt32 { 11 }
  /// `VCPUOP_get_physid`.
  @inlinable public static var getPhysicalID: UInt32 { 12 }
  /// `VCPUOP_register_vcpu_time_memory_area`.
  @inlinable public static var registerTimeMemoryArea: UInt32 { 13 }
}

/// Commands of `sched_op` (SCHEDOP_* in xen/sched.h).
public enum SchedulerOperation {
  /// `SCHEDOP_yield`.
  @inlinable public static var yield: UInt64 { 0 }
  /// `SCHEDOP_block`.
  @inlinable public static var block: UInt64 { 1 }
  /// `SCHEDOP_shutdown`.
  @inlinable public static var shutdown: UInt64 { 2 }
  /// `SCHEDOP_poll`.
  @inlinable public static var poll: UInt64 { 3 }
  /// `SCHEDOP_remote_shutdown`.
  @inlinable public static var remoteShutdown: UInt64 { 4 }
  /// `SCHEDOP_shutdown_code`.
  @inlinable public static var shutdownCode: UInt64 { 5 }
  /// `SCHEDOP_watchdog`.
  @inlinable public static var watchdog: UInt64 { 6 }
  /// `SCHEDOP_pin_override`.
  @inlinable public static var pinOverride: UInt64 { 7 }
}

/// Commands of `callback_op` (CALLBACKOP_* in xen/callback.h).
public enum CallbackOperation {
  /// `CALLBACKOP_register`.
  @inlinable public static var register: UInt64 { 0 }
  /// `CALLBACKOP_unregister`.
  @inlinable public static var unregister: UInt64 { 1 }
}

/// A guest kernel's entry points (CALLBACKTYPE_* in xen/callback.h).
public enum CallbackKind {
  /// `CALLBACKTYPE_event`.
  @inlinable public static var event: UInt16 { 0 }
  /// `CALLBACKTYPE_failsafe`.
  @inlinable public static var failsafe: UInt16 { 1 }
  /// `CALLBACKTYPE_syscall`.
  @inlinable public static var systemCall: UInt16 { 2 }
  /// `CALLBACKTYPE_sysenter_deprecated`.
  @inlinable public static var sysenterDeprecated: UInt16 { 3 }
  /// `CALLBACKTYPE_nmi`.
  @inlinable public static var nmi: UInt16 { 4 }
  /// `CALLBACKTYPE_sysenter`.
  @inlinable public static var sysenter: UInt16 { 5 }
  /// `CALLBACKTYPE_syscall32`.
  @inlinable public static var systemCall32: UInt16 { 7 }
}

/// Commands of `nmi_op` (XENNMI_* in xen/nmi.h).
public enum NMIOperation {
  /// `XENNMI_register_callback`.
  @inlinable public static var registerCallback: UInt64 { 0 }
  /// `XENNMI_unregister_callback`.
  @inlinable public static var unregisterCallback: UInt64 { 1 }
}

/// What `set_segment_base` sets (SEGBASE_* in xen/arch-x86/xen-x86_64.h).
public enum SegmentBaseKind {
  /// `SEGBASE_FS`.
  @inlinable public static var fs: UInt64 { 0 }
  /// `SEGBASE_GS_USER`.
  @inlinable public static var gsUser: UInt64 { 1 }
  /// `SEGBASE_GS_KERNEL`.
  @inlinable public static var gsKernel: UInt64 { 2 }
  /// `SEGBASE_GS_USER_SEL`: loads the user's GS, base and all, behind SWAPGS.
  @inlinable public static var gsUserSelector: UInt64 { 3 }
}

/// Flags of `struct trap_info` (TI_GET_DPL, TI_GET_IF in xen/arch-x86/xen.h).
public enum TrapFlag {
  /// `TI_GET_DPL`: the ring that may raise it by INT n, two bits.
  @inlinable public static var level: UInt64 { 3 }
  /// `TI_GET_IF`.
  @inlinable public static var masksEvents: UInt64 { 4 }
}

/// Flags of `struct iret_context` (VGCF_* in xen/arch-x86/xen-x86_64.h).
public enum ReturnFlag {
  /// `VGCF_in_syscall`: RCX and R11 need not be restored.
  @inlinable public static var inSystemCall: UInt64 { 1 &<< 8 }
}
