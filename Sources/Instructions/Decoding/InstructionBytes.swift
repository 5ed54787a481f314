// SPDX-License-Identifier: Apache-2.0
//
// Instruction bytes as fetched from a guest, and the reader that walks them. The reader never fails in the middle: past
// the end it hands out zeros and remembers, so that decoders stay straight-line and ask once at their end.

/// Up to 15 bytes of guest code, copied out of guest memory.
public struct InstructionBytes: Sendable {
  /// The longest instruction the architecture allows, in bytes.
  public static var maximumLength: Int { 15 }

  let storage: InlineArray<16, UInt8>
  /// How many of the bytes are valid, 0 to 15.
  let count: UInt8

  /// The first `count` bytes of `storage`; counts outside 0...15 are brought into it.
  public init(_ storage: InlineArray<16, UInt8>, count: Int) {
    self.storage = storage
    self.count = UInt8(truncatingIfNeeded: min(max(count, 0), Self.maximumLength))
  }

  /// A copy of the first 15 bytes of `span`, or all of it when it is shorter.
  public init(_ span: Span<UInt8>) {
    var storage = InlineArray<16, UInt8>(repeating: 0)
    let count = min(span.count, Self.maximumLength)
    for index in 0..<count { storage[index] = span[index] }
    self.storage = storage
    self.count = UInt8(truncatingIfNeeded: count)
  }
}

/// Walks the bytes of one instruction.
struct InstructionReader {
  private let bytes: InstructionBytes
  /// How many bytes have been consumed, valid or not.
  private(set) var position: UInt8 = 0

  init(_ bytes: InstructionBytes) { self.bytes = bytes }

  /// True once a byte past the valid ones was asked for: what was decoded since is meaningless.
  var overran: Bool { position > bytes.count }

  /// The next byte without consuming it; zero past the end.
  var peeked: UInt8 { position < bytes.count ? bytes.storage[Int(position & 15)] : 0 }

  /// Consumes one byte; zero past the end.
  mutating func next() -> UInt8 {
    let byte = peeked
    // At most 16 steps past the start matter; saturating keeps `overran` true for ever.
    if position <= 15 { position &+= 1 }
    return byte
  }

  /// Consumes `count` bytes (at most 8), little-endian.
  mutating func next(_ count: UInt8) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while shift < UInt64(count) &* 8 && shift < 64 {
      value |= UInt64(next()) &<< shift
      shift &+= 8
    }
    return value
  }

  /// Consumes an operand of `size`, sign-extended to 64 bits.
  mutating func nextSignExtended(_ size: OperandSize) -> UInt64 { size.signExtended(next(size.rawValue)) }

  /// Turns a decoder's result into what the bytes seen justify.
  func settle<Decoded>(_ result: DecodeResult<Decoded>) -> DecodeResult<Decoded> {
    guard overran else { return result }
    return Int(bytes.count) >= InstructionBytes.maximumLength ? .tooLong : .needMoreBytes
  }
}
