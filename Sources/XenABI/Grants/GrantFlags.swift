// SPDX-License-Identifier: Apache-2.0
// The flags of grant table entries and of grant operations.

/// Bits of a shared entry's `flags` (GTF_* in xen/grant_table.h). The low half of the entry's first 32-bit word; the domain
/// stands in the high half.
public enum GrantEntryFlag {
  /// GTF_type_mask.
  public static let typeMask: UInt32 = 3
  /// GTF_invalid: grants nothing.
  public static let invalid: UInt32 = 0
  /// GTF_permit_access: the domain may use the frame.
  public static let permitAccess: UInt32 = 1
  /// GTF_accept_transfer: the domain may give a frame.
  public static let acceptTransfer: UInt32 = 2
  /// GTF_transitive: the domain may use another domain's grant. Version 2 only.
  public static let transitive: UInt32 = 3
  /// GTF_readonly: for reading only.
  public static let readOnly: UInt32 = 4
  /// GTF_reading: in use (set by the hypervisor).
  public static let reading: UInt32 = 8
  /// GTF_writing: in use for writing (set by the hypervisor).
  public static let writing: UInt32 = 0x10
  /// GTF_PWT, GTF_PCD, GTF_PAT: cache attributes for mappings. Accepted without effect: RAM is mapped write-back.
  public static let cacheAttributes: UInt32 = 0xe0
  /// GTF_sub_page: for a part of the frame only. Version 2 only.
  public static let subPage: UInt32 = 0x100
  /// GTF_transfer_committed, for accept_transfer entries.
  public static let transferCommitted: UInt32 = 4
  /// GTF_transfer_completed, for accept_transfer entries.
  public static let transferCompleted: UInt32 = 8
}

/// How a grant is to be mapped (GNTMAP_* in xen/grant_table.h). Bits 5 to 15 are ignored.
public struct GrantMapFlags: OptionSet, BitwiseCopyable, Sendable {
  /// The flags' bits.
  public let rawValue: UInt32
  /// Flags from their bits.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// GNTMAP_device_map: for devices.
  public static let deviceMap = GrantMapFlags(rawValue: 1)
  /// GNTMAP_host_map: for the CPU, at an address.
  public static let hostMap = GrantMapFlags(rawValue: 2)
  /// GNTMAP_readonly: for reading only.
  public static let readOnly = GrantMapFlags(rawValue: 4)
  /// GNTMAP_application_map: also for user mode. 64-bit guests have no other mappings, so it has no effect.
  public static let applicationMap = GrantMapFlags(rawValue: 8)
  /// GNTMAP_contains_pte: the address is the machine address of the page-table entry.
  public static let containsPTE = GrantMapFlags(rawValue: 16)

  /// What GNTMAP_guest_avail_mask asks to have set in the entry's bits 9 to 11, which hardware ignores; the 13 further bits of
  /// the mask have no place in an entry and are ignored.
  @inlinable public var availableBits: UInt64 { UInt64(rawValue &>> 16 & 7) &<< 9 }
}

/// Which sides of a copy are grants (GNTCOPY_* in xen/grant_table.h). Other bits are ignored.
public enum GrantCopyFlag {
  /// GNTCOPY_source_gref.
  public static let sourceIsGrant: UInt16 = 1
  /// GNTCOPY_dest_gref.
  public static let destinationIsGrant: UInt16 = 2
}

/// Bits of `gnttab_cache_flush.op` (GNTTAB_CACHE_* in xen/grant_table.h).
public enum GrantCacheFlag {
  /// GNTTAB_CACHE_CLEAN.
  public static let clean: UInt32 = 1
  /// GNTTAB_CACHE_INVAL.
  public static let invalidate: UInt32 = 2
  /// GNTTAB_CACHE_SOURCE_GREF.
  public static let sourceIsGrant: UInt32 = 0x8000_0000
}
