// SPDX-License-Identifier: Apache-2.0
// Questions about the hypervisor by name.

/// Commands of `xen_version` (XENVER_* in xen/version.h).
public enum VersionQuery {
  /// `XENVER_version`.
  @inlinable public static var version: UInt64 { 0 }
  /// `XENVER_extraversion`.
  @inlinable public static var extraVersion: UInt64 { 1 }
  /// `XENVER_compile_info`.
  @inlinable public static var compileInfo: UInt64 { 2 }
  /// `XENVER_capabilities`.
  @inlinable public static var capabilities: UInt64 { 3 }
  /// `XENVER_changeset`.
  @inlinable public static var changeset: UInt64 { 4 }
  /// `XENVER_platform_parameters`.
  @inlinable public static var platformParameters: UInt64 { 5 }
  /// `XENVER_get_features`.
  @inlinable public static var getFeatures: UInt64 { 6 }
  /// `XENVER_pagesize`.
  @inlinable public static var pageSize: UInt64 { 7 }
  /// `XENVER_guest_handle`.
  @inlinable public static var guestHandle: UInt64 { 8 }
  /// `XENVER_commandline`.
  @inlinable public static var commandLine: UInt64 { 9 }
  /// `XENVER_build_id`.
  @inlinable public static var buildID: UInt64 { 10 }
}

/// What XENVER_get_features tells (XENFEAT_* in xen/features.h), as bits.
public enum Feature {
  /// `XENFEAT_pae_pgdir_above_4gb`.
  @inlinable public static var directoriesAbove4GiB: UInt32 { 1 &<< 4 }
  /// `XENFEAT_mmu_pt_update_preserve_ad`.
  @inlinable public static var preservesAccessedDirty: UInt32 { 1 &<< 5 }
  /// `XENFEAT_gnttab_map_avail_bits`.
  @inlinable public static var grantMapAvailableBits: UInt32 { 1 &<< 7 }
  /// `XENFEAT_dom0`.
  @inlinable public static var domain0: UInt32 { 1 &<< 11 }
}
