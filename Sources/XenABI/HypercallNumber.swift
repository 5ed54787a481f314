// SPDX-License-Identifier: Apache-2.0
// The hypercalls by name (__HYPERVISOR_* in xen/xen.h). Numbers rather than an enumeration: a guest may ask for any, and the way
// from number to handler is to be one jump.

/// A hypercall's number, as it stands in RAX and in `multicall_entry.op`.
public enum HypercallNumber {
  /// `__HYPERVISOR_set_trap_table`.
  @inlinable public static var setTrapTable: UInt64 { 0 }
  /// `__HYPERVISOR_mmu_update`.
  @inlinable public static var mmuUpdate: UInt64 { 1 }
  /// `__HYPERVISOR_set_gdt`.
  @inlinable public static var setGDT: UInt64 { 2 }
  /// `__HYPERVISOR_stack_switch`.
  @inlinable public static var stackSwitch: UInt64 { 3 }
  /// `__HYPERVISOR_set_callbacks`.
  @inlinable public static var setCallbacks: UInt64 { 4 }
  /// `__HYPERVISOR_fpu_taskswitch`.
  @inlinable public static var fpuTaskSwitch: UInt64 { 5 }
  /// `__HYPERVISOR_sched_op_compat`.
  @inlinable public static var schedulerOpCompat: UInt64 { 6 }
  /// `__HYPERVISOR_platform_op`.
  @inlinable public static var platformOp: UInt64 { 7 }
  /// `__HYPERVISOR_set_debugreg`.
  @inlinable public static var setDebugRegister: UInt64 { 8 }
  /// `__HYPERVISOR_get_debugreg`.
  @inlinable public static var getDebugRegister: UInt64 { 9 }
  /// `__HYPERVISOR_update_descriptor`.
  @inlinable public static var updateDescriptor: UInt64 { 10 }
  /// `__HYPERVISOR_memory_op`.
  @inlinable public static var memoryOp: UInt64 { 12 }
  /// `__HYPERVISOR_multicall`.
  @inlinable public static var multicall: UInt64 { 13 }
  /// `__HYPERVISOR_update_va_mapping`.
  @inlinable public static var updateVAMapping: UInt64 { 14 }
  /// `__HYPERVISOR_set_timer_op`.
  @inlinable public static var setTimerOp: UInt64 { 15 }
  /// `__HYPERVISOR_event_channel_op_compat`.
  @inlinable public static var eventChannelOpCompat: UInt64 { 16 }
  /// `__HYPERVISOR_xen_version`.
  @inlinable public static var xenVersion: UInt64 { 17 }
  /// `__HYPERVISOR_console_io`.
  @inlinable public static var consoleIO: UInt64 { 18 }
  /// `__HYPERVISOR_physdev_op_compat`.
  @inlinable public static var physdevOpCompat: UInt64 { 19 }
  /// `__HYPERVISOR_grant_table_op`.
  @inlinable public static var grantTableOp: UInt64 { 20 }
  /// `__HYPERVISOR_vm_assist`.
  @inlinable public static var vmAssist: UInt64 { 21 }
  /// `__HYPERVISOR_update_va_mapping_otherdomain`.
  @inlinable public static var updateVAMappingOtherDomain: UInt64 { 22 }
  /// `__HYPERVISOR_iret`.
  @inlinable public static var interruptReturn: UInt64 { 23 }
  /// `__HYPERVISOR_vcpu_op`.
  @inlinable public static var vcpuOp: UInt64 { 24 }
  /// `__HYPERVISOR_set_segment_base`.
  @inlinable public static var setSegmentBase: UInt64 { 25 }
  /// `__HYPERVISOR_mmuext_op`.
  @inlinable public static var mmuextOp: UInt64 { 26 }
  /// `__HYPERVISOR_xsm_op`.
  @inlinable public static var xsmOp: UInt64 { 27 }
  /// `__HYPERVISOR_nmi_op`.
  @inlinable public static var nmiOp: UInt64 { 28 }
  /// `__HYPERVISOR_sched_op`.
  @inlinable public static var schedulerOp: UInt64 { 29 }
  /// `__HYPERVISOR_callback_op`.
  @inlinable public static var callbackOp: UInt64 { 30 }
  /// `__HYPERVISOR_xenoprof_op`.
  @inlinable public static var xenoprofOp: UInt64 { 31 }
  /// `__HYPERVISOR_event_channel_op`.
  @inlinable public static var eventChannelOp: UInt64 { 32 }
  /// `__HYPERVISOR_physdev_op`.
  @inlinable public static var physdevOp: UInt64 { 33 }
  /// `__HYPERVISOR_hvm_op`.
  @inlinable public static var hvmOp: UInt64 { 34 }
  /// `__HYPERVISOR_sysctl`.
  @inlinable public static var sysctl: UInt64 { 35 }
  /// `__HYPERVISOR_domctl`.
  @inlinable public static var domctl: UInt64 { 36 }
  /// `__HYPERVISOR_kexec_op`.
  @inlinable public static var kexecOp: UInt64 { 37 }
  /// `__HYPERVISOR_tmem_op`.
  @inlinable public static var tmemOp: UInt64 { 38 }
  /// `__HYPERVISOR_argo_op`.
  @inlinable public static var argoOp: UInt64 { 39 }
  /// `__HYPERVISOR_xenpmu_op`.
  @inlinable public static var xenpmuOp: UInt64 { 40 }
  /// `__HYPERVISOR_dm_op`.
  @inlinable public static var dmOp: UInt64 { 41 }
  /// `__HYPERVISOR_hypfs_op`.
  @inlinable public static var hypfsOp: UInt64 { 42 }
  /// `__HYPERVISOR_arch_0` (`__HYPERVISOR_mca` in xen/arch-x86/xen-mca.h).
  @inlinable public static var machineCheckOp: UInt64 { 48 }
}
