// SPDX-License-Identifier: Apache-2.0
// Bits of a Deflate stream: bytes in order, bits of a byte from the least significant one.

/// A cursor over bits, 56 or more of which are at hand after each `refill`.
struct ForwardBitReader: ~Escapable {
  private let bytes: Span<UInt8>
  /// Offset of the next byte to load; runs at most eight beyond the end, where zeros are loaded.
  private var position: Int
  /// Loaded bits, the next one lowest. Bits from `available` on may already hold what will be loaded there.
  private var buffer: UInt64 = 0
  private var available = 0

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>) {
    self.bytes = bytes
    self.position = 0
  }

  /// Offset of the first byte of which no bit was taken; beyond the end if more was taken than there is.
  var bytePosition: Int { position &- available &>> 3 }

  /// Makes at least 56 bits available.
  /// - Throws: `truncated` once far more was taken than there is.
  @inline(__always)
  mutating func refill() throws(DecompressionError) {
    if position <= bytes.count &- 8 {
      buffer = buffer | bytes.wide(at: position) &<< UInt64(truncatingIfNeeded: available)
      let added = (63 &- available) &>> 3
      position = position &+ added
      available = available &+ added &* 8
    } else {
      while available < 56 {
        guard position < bytes.count &+ 8 else { throw .truncated }
        let byte = position < bytes.count ? UInt64(bytes[position]) : 0
        // Clears what an earlier wide load may have left there, which is the same byte.
        let shift = UInt64(truncatingIfNeeded: available)
        buffer = buffer & ((1 &<< shift) &- 1) | byte &<< shift
        position = position &+ 1
        available = available &+ 8
      }
    }
  }

  /// The next `count` bits (at most 32) without taking them.
  @inline(__always)
  func peek(_ count: Int) -> Int {
    Int(truncatingIfNeeded: buffer) & ((1 &<< count) &- 1)
  }

  /// Takes `count` bits, which are available.
  @inline(__always)
  mutating func drop(_ count: Int) {
    buffer = buffer &>> UInt64(truncatingIfNeeded: count)
    available = available &- count
  }

  /// The next `count` bits (at most 32), which are available, as a number.
  @inline(__always)
  mutating func take(_ count: Int) -> Int {
    let value = peek(count)
    drop(count)
    return value
  }

  /// Drops the rest of the current byte and gives what follows `bytePosition`; `resume` goes on from elsewhere.
  @_lifetime(copy self)
  mutating func alignedRest() throws(DecompressionError) -> Span<UInt8> {
    drop(available & 7)
    guard bytePosition <= bytes.count else { throw .truncated }
    return bytes.extracting(droppingFirst: bytePosition)
  }

  /// Continues `count` bytes after `bytePosition`, at a byte's start. The caller has checked that they exist.
  mutating func resume(after count: Int) {
    position = bytePosition &+ count
    buffer = 0
    available = 0
  }
}
