// SPDX-License-Identifier: Apache-2.0
//
// The width of an operand or of an address, with the few word-level helpers that every instruction needs.

/// The width of an operand; the raw value is its length in bytes.
public enum OperandSize: UInt8, Sendable {
  case byte = 1
  case word = 2
  case doubleword = 4
  case quadword = 8
  /// Only CMPXCHG16B has it.
  case doubleQuadword = 16

  /// Length in bytes, 1 to 16.
  public var byteCount: UInt64 { UInt64(rawValue) }

  /// Length in bits, 8 to 128.
  public var bitCount: UInt64 { UInt64(rawValue) &* 8 }

  /// All ones over the operand's bits; all 64 for a quadword and above.
  public var mask: UInt64 {
    switch self {
    case .byte: 0xff
    case .word: 0xffff
    case .doubleword: 0xffff_ffff
    case .quadword, .doubleQuadword: UInt64.max
    }
  }

  /// The operand's most significant bit (bit 63 for a quadword and above).
  public var signBit: UInt64 { (mask >> 1) &+ 1 }

  /// `value`'s low bits of this width, sign-extended to 64 bits. Higher bits of `value` are ignored.
  public func signExtended(_ value: UInt64) -> UInt64 {
    switch self {
    case .byte: UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: value)))
    case .word: UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: value)))
    case .doubleword: UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value)))
    case .quadword, .doubleQuadword: value
    }
  }
}
