// SPDX-License-Identifier: Apache-2.0
// Bits of Zstandard's entropy-coded streams (RFC 8878, 4.1): written forwards, read from the last byte back to the
// first.

/// A cursor that moves from a stream's end to its start.
struct BackwardBitReader: ~Escapable {
  private let bytes: Span<UInt8>
  /// Offset of the lowest byte in `word`; negative where `word` reaches before the start, which reads as zeros.
  private var position: Int
  private var word: UInt64
  /// How many of the highest bits of `word` are taken.
  private var taken: Int

  /// Starts below the end mark, the highest bit set in the last byte.
  /// - Throws: `corrupt` if there is none.
  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>) throws(DecompressionError) {
    guard bytes.count > 0, bytes[bytes.count &- 1] != 0 else { throw .corrupt }
    self.bytes = bytes
    position = bytes.count &- 8
    word = 0
    taken = bytes[bytes.count &- 1].leadingZeroBitCount &+ 1
    word = load()
  }

  /// How many bits are left; negative once more were taken than there are.
  @inline(__always)
  var bitsLeft: Int { (position &+ 8) &* 8 &- taken }

  /// Makes at least 57 bits available, zeros beyond the start.
  @inline(__always)
  mutating func refill() {
    position = position &- taken &>> 3
    taken = taken & 7
    word = position >= 0 ? bytes.wide(at: position) : load()
  }

  /// The eight bytes at `position`, those before the stream's start as zeros.
  @inline(never)
  private func load() -> UInt64 {
    guard position < 0 else { return bytes.wide(at: position) }
    guard position > -8 else { return 0 }
    var value: UInt64 = 0
    var index = Swift.min(bytes.count, position &+ 8) &- 1
    while index >= 0 {
      value = value &<< 8 | UInt64(bytes[index])
      index = index &- 1
    }
    return value &<< UInt64(truncatingIfNeeded: (0 &- position) &* 8)
  }

  /// The next `count` bits (0...56) without taking them.
  @inline(__always)
  func peek(_ count: Int) -> Int {
    let aligned = word &<< UInt64(truncatingIfNeeded: taken)
    return Int(truncatingIfNeeded: (aligned &>> 1) &>> UInt64(truncatingIfNeeded: 63 &- count))
  }

  /// Takes `count` bits, at most 56 since the last `refill`.
  @inline(__always)
  mutating func drop(_ count: Int) { taken = taken &+ count }

  /// The next `count` bits as a number; at most 56 since the last `refill`.
  @inline(__always)
  mutating func take(_ count: Int) -> Int {
    let value = peek(count)
    drop(count)
    return value
  }
}
