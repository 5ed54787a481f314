// SPDX-License-Identifier: Apache-2.0
// Swift names for the sizes and offsets of the structures shared with guests. The numbers come from the C headers.
import CXenABI

/// Offsets in `struct shared_info` (xen/xen.h), one page that a domain and the hypervisor share.
public enum SharedInfoLayout {
  /// Bytes of one `vcpu_info`; the first 32 vCPUs' stand at the start of the page.
  @inlinable public static var vcpuInfoSize: Int { Int(SIZE_vcpu_info) }
  /// How many vCPUs have theirs in the page (XEN_LEGACY_MAX_VCPUS).
  public static let legacyVCPUs = 32
  /// `evtchn_pending`, 64 words.
  @inlinable public static var eventPending: Int { Int(OFFSET_shared_info_evtchn_pending) }
  /// `evtchn_mask`, 64 words.
  @inlinable public static var eventMask: Int { Int(OFFSET_shared_info_evtchn_mask) }
  /// `wc_version`.
  @inlinable public static var wallClockVersion: Int { Int(OFFSET_shared_info_wc_version) }
  /// `wc_sec`.
  @inlinable public static var wallClockSeconds: Int { Int(OFFSET_shared_info_wc_sec) }
  /// `wc_nsec`.
  @inlinable public static var wallClockNanoseconds: Int { Int(OFFSET_shared_info_wc_nsec) }
  /// `wc_sec_hi`.
  @inlinable public static var wallClockSecondsHigh: Int { Int(OFFSET_shared_info_wc_sec_hi) }
  /// `arch.nmi_reason`.
  @inlinable public static var nmiReason: Int { Int(OFFSET_shared_info_nmi_reason) }
}

/// Offsets in `struct vcpu_info` (xen/xen.h).
public enum VCPUInfoLayout {
  /// `evtchn_upcall_pending`, a byte.
  @inlinable public static var upcallPending: Int { Int(OFFSET_vcpu_info_evtchn_upcall_pending) }
  /// `evtchn_upcall_mask`, a byte.
  @inlinable public static var upcallMask: Int { Int(OFFSET_vcpu_info_evtchn_upcall_mask) }
  /// `evtchn_pending_sel`.
  @inlinable public static var pendingSelector: Int { Int(OFFSET_vcpu_info_evtchn_pending_sel) }
  /// `arch.cr2`.
  @inlinable public static var cr2: Int { Int(OFFSET_vcpu_info_cr2) }
  /// `time`.
  @inlinable public static var time: Int { Int(OFFSET_vcpu_info_time) }
}

/// Offsets in `struct vcpu_guest_context` (xen/arch-x86/xen.h).
public enum VCPUContextLayout {
  /// `flags`.
  @inlinable public static var flags: Int { Int(OFFSET_vcpu_guest_context_flags) }
  /// `user_regs`.
  @inlinable public static var userRegisters: Int { Int(OFFSET_vcpu_guest_context_user_regs) }
  /// `trap_ctxt`, 256 entries.
  @inlinable public static var traps: Int { Int(OFFSET_vcpu_guest_context_trap_ctxt) }
  /// `ldt_base`.
  @inlinable public static var ldtBase: Int { Int(OFFSET_vcpu_guest_context_ldt_base) }
  /// `ldt_ents`.
  @inlinable public static var ldtEntries: Int { Int(OFFSET_vcpu_guest_context_ldt_ents) }
  /// `gdt_frames`.
  @inlinable public static var gdtFrames: Int { Int(OFFSET_vcpu_guest_context_gdt_frames) }
  /// `gdt_ents`.
  @inlinable public static var gdtEntries: Int { Int(OFFSET_vcpu_guest_context_gdt_ents) }
  /// `kernel_ss`.
  @inlinable public static var kernelStackSegment: Int { Int(OFFSET_vcpu_guest_context_kernel_ss) }
  /// `kernel_sp`.
  @inlinable public static var kernelStackPointer: Int { Int(OFFSET_vcpu_guest_context_kernel_sp) }
  /// `ctrlreg`.
  @inlinable public static var control: Int { Int(OFFSET_vcpu_guest_context_ctrlreg) }
  /// `debugreg`.
  @inlinable public static var debug: Int { Int(OFFSET_vcpu_guest_context_debugreg) }
  /// `event_callback_eip`.
  @inlinable public static var eventCallback: Int { Int(OFFSET_vcpu_guest_context_event_callback_eip) }
  /// `failsafe_callback_eip`.
  @inlinable public static var failsafeCallback: Int { Int(OFFSET_vcpu_guest_context_failsafe_callback_eip) }
  /// `syscall_callback_eip`.
  @inlinable public static var syscallCallback: Int { Int(OFFSET_vcpu_guest_context_syscall_callback_eip) }
  /// `vm_assist`.
  @inlinable public static var assists: Int { Int(OFFSET_vcpu_guest_context_vm_assist) }
  /// `fs_base`.
  @inlinable public static var fsBase: Int { Int(OFFSET_vcpu_guest_context_fs_base) }
  /// `gs_base_kernel`.
  @inlinable public static var gsBaseKernel: Int { Int(OFFSET_vcpu_guest_context_gs_base_kernel) }
  /// `gs_base_user`.
  @inlinable public static var gsBaseUser: Int { Int(OFFSET_vcpu_guest_context_gs_base_user) }
}

/// Offsets in `struct start_info` (xen/xen.h).
public enum StartInfoLayout {
  /// `nr_pages`.
  @inlinable public static var pages: Int { Int(OFFSET_start_info_nr_pages) }
  /// `shared_info`.
  @inlinable public static var sharedInfo: Int { Int(OFFSET_start_info_shared_info) }
  /// `flags`.
  @inlinable public static var flags: Int { Int(OFFSET_start_info_flags) }
  /// `pt_base`.
  @inlinable public static var tableBase: Int { Int(OFFSET_start_info_pt_base) }
  /// `nr_pt_frames`.
  @inlinable public static var tableFrames: Int { Int(OFFSET_start_info_nr_pt_frames) }
  /// `mfn_list`.
  @inlinable public static var list: Int { Int(OFFSET_start_info_mfn_list) }
  /// `mod_start`.
  @inlinable public static var moduleStart: Int { Int(OFFSET_start_info_mod_start) }
  /// `mod_len`.
  @inlinable public static var moduleLength: Int { Int(OFFSET_start_info_mod_len) }
  /// `console.dom0.info_off`.
  @inlinable public static var screenOffset: Int { Int(OFFSET_start_info_screen_offset) }
  /// `console.dom0.info_size`.
  @inlinable public static var screenBytes: Int { Int(OFFSET_start_info_screen_bytes) }
  /// Bytes of the structure.
  @inlinable public static var bytes: Int { Int(SIZE_start_info) }
  /// `cmd_line`.
  @inlinable public static var commandLine: Int { Int(OFFSET_start_info_cmd_line) }
  /// `first_p2m_pfn`.
  @inlinable public static var firstListFrame: Int { Int(OFFSET_start_info_first_p2m_pfn) }
  /// `nr_p2m_frames`.
  @inlinable public static var listFrames: Int { Int(OFFSET_start_info_nr_p2m_frames) }
}

/// Offsets in `struct mcinfo_logical_cpu` (xen/arch-x86/xen-mca.h).
public enum MachineCheckLayout {
  /// Bytes of the whole structure.
  @inlinable public static var cpuBytes: Int { Int(SIZE_mcinfo_logical_cpu) }
  /// `mc_cpunr`
  @inlinable public static var number: Int { Int(OFFSET_mcinfo_logical_cpu_mc_cpunr) }
  /// `mc_apicid`
  @inlinable public static var apicID: Int { Int(OFFSET_mcinfo_logical_cpu_mc_apicid) }
  /// `mc_ncores`
  @inlinable public static var cores: Int { Int(OFFSET_mcinfo_logical_cpu_mc_ncores) }
  /// `mc_ncores_active`
  @inlinable public static var coresActive: Int { Int(OFFSET_mcinfo_logical_cpu_mc_ncores_active) }
  /// `mc_nthreads`
  @inlinable public static var threads: Int { Int(OFFSET_mcinfo_logical_cpu_mc_nthreads) }
  /// `mc_cpuid_level`
  @inlinable public static var level: Int { Int(OFFSET_mcinfo_logical_cpu_mc_cpuid_level) }
  /// `mc_family`
  @inlinable public static var family: Int { Int(OFFSET_mcinfo_logical_cpu_mc_family) }
  /// `mc_model`
  @inlinable public static var model: Int { Int(OFFSET_mcinfo_logical_cpu_mc_model) }
  /// `mc_step`
  @inlinable public static var stepping: Int { Int(OFFSET_mcinfo_logical_cpu_mc_step) }
  /// `mc_vendorid`
  @inlinable public static var vendorName: Int { Int(OFFSET_mcinfo_logical_cpu_mc_vendorid) }
}
