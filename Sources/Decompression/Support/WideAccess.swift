// SPDX-License-Identifier: Apache-2.0
// Eight bytes at a time. The shape (drop the front, test the length once, then constant indices) is what lets the
// compiler turn the eight checked accesses into one check and one load or store.

extension Span where Element == UInt8 {
  /// The little-endian number in the eight bytes from `offset` on; zero where they are not all inside the span.
  @inline(__always)
  func wide(at offset: Int) -> UInt64 {
    guard offset >= 0 else { return 0 }
    let bytes = extracting(droppingFirst: offset)
    guard bytes.count >= 8 else { return 0 }
    return UInt64(bytes[0]) | UInt64(bytes[1]) << 8 | UInt64(bytes[2]) << 16 | UInt64(bytes[3]) << 24
      | UInt64(bytes[4]) << 32 | UInt64(bytes[5]) << 40 | UInt64(bytes[6]) << 48 | UInt64(bytes[7]) << 56
  }
}

extension MutableSpan where Element == UInt8 {
  /// Stores `value` little-endian into the eight bytes from `offset` on; nothing where they are not all inside the
  /// span.
  @inline(__always)
  mutating func storeWide(_ value: UInt64, at offset: Int) {
    guard offset >= 0 else { return }
    var bytes = _mutatingExtracting(droppingFirst: offset)
    guard bytes.count >= 8 else { return }
    bytes[0] = UInt8(truncatingIfNeeded: value)
    bytes[1] = UInt8(truncatingIfNeeded: value >> 8)
    bytes[2] = UInt8(truncatingIfNeeded: value >> 16)
    bytes[3] = UInt8(truncatingIfNeeded: value >> 24)
    bytes[4] = UInt8(truncatingIfNeeded: value >> 32)
    bytes[5] = UInt8(truncatingIfNeeded: value >> 40)
    bytes[6] = UInt8(truncatingIfNeeded: value >> 48)
    bytes[7] = UInt8(truncatingIfNeeded: value >> 56)
  }
}
