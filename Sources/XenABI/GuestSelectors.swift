// SPDX-License-Identifier: Apache-2.0
// The segments that a 64-bit guest runs on without a GDT of its own.

/// The flat ring-3 segments that every GDT has (FLAT_RING3_* in xen/arch-x86/xen-x86_64.h).
public enum GuestSelectors {
  /// `FLAT_RING3_CS64`.
  @inlinable public static var code64: UInt16 { 0xe033 }
  /// `FLAT_RING3_CS32`.
  @inlinable public static var code32: UInt16 { 0xe023 }
  /// `FLAT_RING3_SS64`, which is `FLAT_RING3_DS32` too.
  @inlinable public static var data: UInt16 { 0xe02b }
}
