// SPDX-License-Identifier: Apache-2.0
//
// Instruction bytes as fetched from a guest, and the reader that walks them. The bytes are kept as two words and
// shifted out, which needs neither memory nor bounds. The reader never fails in the middle: past the valid bytes it
// hands out what is there (zeros in the end) and counts on, so that decoders stay straight-line and ask once at their
// end.

/// Up to 15 bytes of guest code, copied out of guest memory.
public struct InstructionBytes: Sendable {
  /// The longest instruction the architecture allows, in bytes.
  public static var maximumLength: Int { 15 }

  /// Bytes 0 to 7, little-endian.
  let low: UInt64
  /// Bytes 8 to 15, little-endian.
  let high: UInt64
  /// How many of the bytes are valid, 0 to 15.
  let count: UInt8

  /// The first `count` bytes of 16 that were fetched as two little-endian words; counts outside 0...15 are brought into
  /// it, and what lies past them may be anything. The quickest way in.
  public init(low: UInt64, high: UInt64, count: Int) {
    let count = min(max(count, 0), Self.maximumLength)
    self.low = low
    self.high = high
    self.count = UInt8(truncatingIfNeeded: count)
  }

  /// The first `count` bytes of `bytes`; counts outside 0...15 are brought into it.
  public init(_ bytes: InlineArray<16, UInt8>, count: Int) {
    var low: UInt64 = 0
    var high: UInt64 = 0
    for index in 0..<8 {
      low |= UInt64(bytes[index]) &<< (UInt64(truncatingIfNeeded: index) &* 8)
      high |= UInt64(bytes[index &+ 8]) &<< (UInt64(truncatingIfNeeded: index) &* 8)
    }
    self.init(low: low, high: high, count: count)
  }

  /// A copy of the first 15 bytes of `span`, or all of it when it is shorter.
  public init(_ span: Span<UInt8>) {
    var bytes = InlineArray<16, UInt8>(repeating: 0)
    for index in 0..<min(span.count, Self.maximumLength) { bytes[index] = span[index] }
    self.init(bytes, count: span.count)
  }
}

/// Walks the bytes of one instruction.
struct InstructionReader {
  /// What has not been consumed: the next byte is the lowest of `low`.
  private var low: UInt64
  private var high: UInt64
  /// How many bytes there were.
  private let count: UInt8
  /// How many bytes have been consumed, valid or not. No decoder takes more than 16 prefixes, an opcode of three, ModRM
  /// and SIB, and 16 bytes of displacement and immediate, so this stays far below 256.
  private(set) var position: UInt8 = 0

  init(_ bytes: InstructionBytes) {
    low = bytes.low
    high = bytes.high
    count = bytes.count
  }

  /// True once a byte past the valid ones was asked for: what was decoded since is meaningless.
  var overran: Bool { position > count }

  /// The next byte without consuming it. Whoever decides by it must consume it too, for `settle` to know.
  var peeked: UInt8 {
    @inline(__always) get { UInt8(truncatingIfNeeded: low) }
  }

  /// Consumes one byte.
  @inline(__always) mutating func next() -> UInt8 {
    let byte = UInt8(truncatingIfNeeded: low)
    low = (low >> 8) | (high &<< 56)
    high = high >> 8
    position &+= 1
    return byte
  }

  /// Consumes an operand of `size` (a quadword at most), zero-extended to 64 bits.
  mutating func next(_ size: OperandSize) -> UInt64 {
    let value = low & size.mask
    position &+= size.rawValue
    switch size {
    case .byte, .word, .doubleword:
      low = (low &>> size.bitCount) | (high &<< (64 &- size.bitCount))
      high = high &>> size.bitCount
    case .quadword, .doubleQuadword:
      low = high
      high = 0
    }
    return value
  }

  /// Consumes an operand of `size`, sign-extended to 64 bits.
  mutating func nextSignExtended(_ size: OperandSize) -> UInt64 { size.signExtended(next(size)) }

  /// Turns a decoder's result into what the bytes seen justify.
  func settle<Decoded>(_ result: DecodeResult<Decoded>) -> DecodeResult<Decoded> {
    guard overran else { return result }
    return Int(count) >= InstructionBytes.maximumLength ? .tooLong : .needMoreBytes
  }
}
