// SPDX-License-Identifier: Apache-2.0
// What a guest may ask the hypervisor to do for it, or not to: `vm_assist`.

/// Commands of `vm_assist` (VMASST_CMD_* in xen/xen.h).
public enum VMAssistCommand {
  /// `VMASST_CMD_enable`.
  @inlinable public static var enable: UInt64 { 0 }
  /// `VMASST_CMD_disable`.
  @inlinable public static var disable: UInt64 { 1 }
}

/// Assists by their bits (VMASST_TYPE_* in xen/xen.h).
public enum VMAssist {
  /// `VMASST_TYPE_architectural_iopl`.
  @inlinable public static var architecturalIOPL: UInt64 { 1 &<< 4 }
  /// `VMASST_TYPE_runstate_update_flag`.
  @inlinable public static var runstateUpdateFlag: UInt64 { 1 &<< 5 }
  /// `VMASST_TYPE_m2p_strict`.
  @inlinable public static var strictM2P: UInt64 { 1 &<< 32 }
  /// What may be enabled: 4gb_segments, its notification, writable_pagetables, pae_extended_cr3, and the three above. The first
  /// four are accepted because guests ask for them; 64-bit guests need no action on them.
  @inlinable public static var known: UInt64 { 0b11_1111 | strictM2P }
}
