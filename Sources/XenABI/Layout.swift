// SPDX-License-Identifier: Apache-2.0
// Swift names for the sizes and offsets of the structures shared with guests. The numbers come from the C headers.
import CXenABI

/// Offsets in `struct shared_info` (xen/xen.h), one page that a domain and the hypervisor share.
public enum SharedInfoLayout {
  /// Bytes of one `vcpu_info`; the first 32 vCPUs' stand at the start of the page.
  @inlinable public static var vcpuInfoSize: Int { Int(SIZE_vcpu_info) }
  /// How many vCPUs have theirs in the page (XEN_LEGACY_MAX_VCPUS).
  public static let legacyVCPUs = 32
  @inlinable public static var eventPending: Int { Int(OFFSET_shared_info_evtchn_pending) }
  @inlinable public static var eventMask: Int { Int(OFFSET_shared_info_evtchn_mask) }
  @inlinable public static var wallClockVersion: Int { Int(OFFSET_shared_info_wc_version) }
  @inlinable public static var wallClockSeconds: Int { Int(OFFSET_shared_info_wc_sec) }
  @inlinable public static var wallClockNanoseconds: Int { Int(OFFSET_shared_info_wc_nsec) }
  @inlinable public static var wallClockSecondsHigh: Int { Int(OFFSET_shared_info_wc_sec_hi) }
  @inlinable public static var nmiReason: Int { Int(OFFSET_shared_info_nmi_reason) }
}

/// Offsets in `struct vcpu_info` (xen/xen.h).
public enum VCPUInfoLayout {
  @inlinable public static var upcallPending: Int { Int(OFFSET_vcpu_info_evtchn_upcall_pending) }
  @inlinable public static var upcallMask: Int { Int(OFFSET_vcpu_info_evtchn_upcall_mask) }
  @inlinable public static var pendingSelector: Int { Int(OFFSET_vcpu_info_evtchn_pending_sel) }
  @inlinable public static var cr2: Int { Int(OFFSET_vcpu_info_cr2) }
  @inlinable public static var time: Int { Int(OFFSET_vcpu_info_time) }
}
