// SPDX-License-Identifier: Apache-2.0
// The sub-operations of grant_table_op and the wire form of their entries.
import CXenABI

/// A sub-operation (`enum grant_table_op`, GNTTABOP_* in xen/grant_table.h).
public enum GrantOperation: UInt32 {
  case mapGrantRef = 0
  case unmapGrantRef = 1
  case setupTable = 2
  case dumpTable = 3
  case transfer = 4
  case copy = 5
  case querySize = 6
  case unmapAndReplace = 7
  case setVersion = 8
  case getStatusFrames = 9
  case getVersion = 10
  case swapGrantRef = 11
  case cacheFlush = 12
}

/// An entry of a batched operation: plain bytes that are copied in, with a status that is written back.
public protocol GrantBatchEntry {
  /// An entry of zeros: what is there before one is copied in.
  static var zero: Self { get }
  /// The entry's status field.
  var status: Int16 { get set }
  /// Where the status stands in the entry, in bytes.
  static var statusOffset: Int { get }
  /// Whether an entry has results besides its status, so that it is written back whole.
  static var hasResults: Bool { get }
}

extension GrantBatchEntry {
  /// Most entries have none.
  @inlinable public static var hasResults: Bool { false }
}

/// `struct gnttab_map_grant_ref`.
public typealias MapGrantEntry = gnttab_map_grant_ref
/// `struct gnttab_unmap_grant_ref`.
public typealias UnmapGrantEntry = gnttab_unmap_grant_ref
/// `struct gnttab_unmap_and_replace`.
public typealias ReplaceGrantEntry = gnttab_unmap_and_replace
/// `struct gnttab_transfer`.
public typealias TransferEntry = gnttab_transfer
/// `struct gnttab_copy`, with its unions as words.
public typealias CopyEntry = martlet_grant_copy
/// `struct gnttab_swap_grant_ref`.
public typealias SwapGrantEntry = gnttab_swap_grant_ref
/// `struct gnttab_setup_table`, with its pointer as a word.
public typealias SetupTableEntry = martlet_grant_setup_table
/// `struct gnttab_get_status_frames`, with its pointer as a word.
public typealias StatusFramesEntry = martlet_grant_status_frames
/// `struct gnttab_query_size`, with its padding named, so that what is written back is what was read.
public typealias QuerySizeEntry = martlet_grant_query_size
/// `struct gnttab_dump_table`.
public typealias DumpTableEntry = gnttab_dump_table
/// `struct gnttab_set_version`.
public typealias SetVersionEntry = gnttab_set_version
/// `struct gnttab_get_version`.
public typealias GetVersionEntry = gnttab_get_version
/// `struct gnttab_cache_flush`, with its union as a word.
public typealias CacheFlushEntry = martlet_grant_cache_flush

extension gnttab_map_grant_ref: GrantBatchEntry {
  /// All zeros.
  @inlinable public static var zero: Self { Self() }
  /// The offset of `status`.
  @inlinable public static var statusOffset: Int { Int(OFFSET_gnttab_map_status) }
  /// The handle and the bus address.
  @inlinable public static var hasResults: Bool { true }
}
extension gnttab_unmap_grant_ref: GrantBatchEntry {
  /// All zeros.
  @inlinable public static var zero: Self { Self() }
  /// The offset of `status`.
  @inlinable public static var statusOffset: Int { Int(OFFSET_gnttab_unmap_status) }
}
extension gnttab_unmap_and_replace: GrantBatchEntry {
  /// All zeros.
  @inlinable public static var zero: Self { Self() }
  /// The offset of `status`.
  @inlinable public static var statusOffset: Int { Int(OFFSET_gnttab_replace_status) }
}
extension gnttab_transfer: GrantBatchEntry {
  /// All zeros.
  @inlinable public static var zero: Self { Self() }
  /// The offset of `status`.
  @inlinable public static var statusOffset: Int { Int(OFFSET_gnttab_transfer_status) }
}
extension martlet_grant_copy: GrantBatchEntry {
  /// All zeros.
  @inlinable public static var zero: Self { Self() }
  /// The offset of `status`.
  @inlinable public static var statusOffset: Int { Int(OFFSET_gnttab_copy_status) }
}
extension gnttab_swap_grant_ref: GrantBatchEntry {
  /// All zeros.
  @inlinable public static var zero: Self { Self() }
  /// The offset of `status`.
  @inlinable public static var statusOffset: Int { Int(OFFSET_gnttab_swap_status) }
}

// The entries of operations that are not batches.
extension martlet_grant_setup_table {
  /// An entry of zeros.
  /// All zeros.
  @inlinable public static var zero: Self { Self() }
}
extension martlet_grant_status_frames {
  /// An entry of zeros.
  /// All zeros.
  @inlinable public static var zero: Self { Self() }
}
extension martlet_grant_query_size {
  /// An entry of zeros.
  /// All zeros.
  @inlinable public static var zero: Self { Self() }
}
extension gnttab_dump_table {
  /// An entry of zeros.
  /// All zeros.
  @inlinable public static var zero: Self { Self() }
}
extension gnttab_set_version {
  /// An entry of zeros.
  /// All zeros.
  @inlinable public static var zero: Self { Self() }
}
extension gnttab_get_version {
  /// An entry of zeros.
  /// All zeros.
  @inlinable public static var zero: Self { Self() }
}
extension martlet_grant_cache_flush {
  /// An entry of zeros.
  /// All zeros.
  @inlinable public static var zero: Self { Self() }
}
