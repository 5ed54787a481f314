// SPDX-License-Identifier: Apache-2.0
// Operations on page tables by name.

/// Commands of `mmuext_op` (MMUEXT_* in xen/xen.h).
public enum MMUExtOperation {
  /// `MMUEXT_PIN_L1_TABLE`.
  @inlinable public static var pinLevel1: UInt32 { 0 }
  /// `MMUEXT_PIN_L2_TABLE`.
  @inlinable public static var pinLevel2: UInt32 { 1 }
  /// `MMUEXT_PIN_L3_TABLE`.
  @inlinable public static var pinLevel3: UInt32 { 2 }
  /// `MMUEXT_PIN_L4_TABLE`.
  @inlinable public static var pinLevel4: UInt32 { 3 }
  /// `MMUEXT_UNPIN_TABLE`.
  @inlinable public static var unpin: UInt32 { 4 }
  /// `MMUEXT_NEW_BASEPTR`.
  @inlinable public static var newBasePointer: UInt32 { 5 }
  /// `MMUEXT_TLB_FLUSH_LOCAL`.
  @inlinable public static var flushLocal: UInt32 { 6 }
  /// `MMUEXT_INVLPG_LOCAL`.
  @inlinable public static var invalidateLocal: UInt32 { 7 }
  /// `MMUEXT_TLB_FLUSH_MULTI`.
  @inlinable public static var flushMulti: UInt32 { 8 }
  /// `MMUEXT_INVLPG_MULTI`.
  @inlinable public static var invalidateMulti: UInt32 { 9 }
  /// `MMUEXT_TLB_FLUSH_ALL`.
  @inlinable public static var flushAll: UInt32 { 10 }
  /// `MMUEXT_INVLPG_ALL`.
  @inlinable public static var invalidateAll: UInt32 { 11 }
  /// `MMUEXT_FLUSH_CACHE`.
  @inlinable public static var flushCache: UInt32 { 12 }
  /// `MMUEXT_SET_LDT`.
  @inlinable public static var setLDT: UInt32 { 13 }
  /// `MMUEXT_NEW_USER_BASEPTR`.
  @inlinable public static var newUserBasePointer: UInt32 { 15 }
  /// `MMUEXT_CLEAR_PAGE`.
  @inlinable public static var clearPage: UInt32 { 16 }
  /// `MMUEXT_COPY_PAGE`.
  @inlinable public static var copyPage: UInt32 { 17 }
  /// `MMUEXT_FLUSH_CACHE_GLOBAL`.
  @inlinable public static var flushCacheGlobal: UInt32 { 18 }
  /// `MMUEXT_MARK_SUPER`.
  @inlinable public static var markSuper: UInt32 { 19 }
  /// `MMUEXT_UNMARK_SUPER`.
  @inlinable public static var unmarkSuper: UInt32 { 20 }
}

/// How `update_va_mapping` flushes (UVMF_* in xen/xen.h).
public enum MappingFlush {
  /// `UVMF_TLB_FLUSH`.
  @inlinable public static var all: UInt64 { 1 }
  /// `UVMF_INVLPG`.
  @inlinable public static var onePage: UInt64 { 2 }
  /// `UVMF_FLUSHTYPE_MASK`.
  @inlinable public static var kind: UInt64 { 3 }
  /// `UVMF_ALL`.
  @inlinable public static var onAllCPUs: UInt64 { 4 }
}
