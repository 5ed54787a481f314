// SPDX-License-Identifier: Apache-2.0
//
// Legacy and REX prefixes, and the operand and address sizes that follow from them.

/// The prefixes in front of an opcode, and the mode they were read in. One word, since every decoding step asks it.
struct Prefixes {
  /// F2 or F3, whichever came last.
  enum Repeat: UInt8 { case none, whileNotEqual, whileEqual }

  /// Bits 0 to 7: the REX byte just before the opcode, or zero. Then the fields below.
  private var bits: UInt32

  private static var operandSizeBit: UInt32 { 1 << 8 }
  private static var addressSizeBit: UInt32 { 1 << 9 }
  private static var lockBit: UInt32 { 1 << 10 }
  private static var repeatShift: UInt32 { 11 }
  /// The segment register's number, with bit 3 set when there is an override.
  private static var segmentShift: UInt32 { 13 }
  private static var modeShift: UInt32 { 17 }

  /// Consumes all prefixes; the reader is left at the opcode.
  init(_ reader: inout InstructionReader, _ mode: CodeMode) {
    var bits = UInt32(mode.rawValue) &<< Self.modeShift
    // Bounded: each turn consumes a byte, and after 16 the reader yields zeros, which are no prefixes.
    while true {
      let byte = reader.peeked
      switch byte {
      case 0x40...0x4f where mode == .long:
        bits = (bits & ~0xff) | UInt32(byte)
        _ = reader.next()
        continue
      case 0x66: bits |= Self.operandSizeBit
      case 0x67: bits |= Self.addressSizeBit
      case 0xf0: bits |= Self.lockBit
      case 0xf2, 0xf3: bits = (bits & ~(3 &<< Self.repeatShift)) | (UInt32(byte & 1 &+ 1) &<< Self.repeatShift)
      case 0x26, 0x2e, 0x36, 0x3e:
        // In long mode these do nothing, not even undo FS or GS.
        if mode != .long { Self.setSegment((byte &- 0x26) >> 3, &bits) }
      case 0x64: Self.setSegment(4, &bits)
      case 0x65: Self.setSegment(5, &bits)
      default:
        self.bits = bits
        return
      }
      // A REX byte counts only when it comes right before the opcode.
      bits &= ~0xff
      _ = reader.next()
    }
  }

  private static func setSegment(_ number: UInt8, _ bits: inout UInt32) {
    bits = (bits & ~(15 &<< segmentShift)) | (UInt32(number | 8) &<< segmentShift)
  }

  /// The REX byte just before the opcode, or zero.
  var rex: UInt8 { UInt8(truncatingIfNeeded: bits) }
  var hasOperandSize: Bool { bits & Self.operandSizeBit != 0 }
  var hasAddressSize: Bool { bits & Self.addressSizeBit != 0 }
  var hasLock: Bool { bits & Self.lockBit != 0 }
  var repetition: Repeat { Repeat(rawValue: UInt8(truncatingIfNeeded: (bits >> Self.repeatShift) & 3)) ?? .none }
  /// The segment override in force. In long mode ES, CS, SS and DS overrides do nothing and are not recorded.
  var segment: SegmentRegister? {
    let field = UInt8(truncatingIfNeeded: (bits >> Self.segmentShift) & 15)
    return field == 0 ? nil : SegmentRegister(rawValue: field & 7)
  }
  var mode: CodeMode { CodeMode(rawValue: UInt8(truncatingIfNeeded: (bits >> Self.modeShift) & 3)) ?? .long }

  /// REX.W.
  var isWide: Bool { rex & 8 != 0 }
  /// REX.R as the high bit of a register number.
  var registerExtension: UInt8 { (rex & 4) << 1 }
  /// REX.X as the high bit of an index register's number.
  var indexExtension: UInt8 { (rex & 2) << 2 }
  /// REX.B as the high bit of a base register's number.
  var baseExtension: UInt8 { (rex & 1) << 3 }

  /// True with none of 66, F2 and F3: what the manuals write as NP.
  var hasNoMandatory: Bool { !hasOperandSize && repetition == .none }

  /// Operand size of opcodes that work on 16, 32 or 64 bits.
  var operandSize: OperandSize {
    if isWide { return .quadword }
    return hasOperandSize != (mode == .compatibility16) ? .word : .doubleword
  }

  /// Operand size of string and port I/O, which REX.W does not widen.
  var portSize: OperandSize { hasOperandSize != (mode == .compatibility16) ? .word : .doubleword }

  /// Operand size of control and debug register moves, and of INVPCID's type register.
  var nativeSize: OperandSize { mode == .long ? .quadword : .doubleword }

  var addressSize: OperandSize { hasAddressSize ? mode.overriddenAddressSize : mode.defaultAddressSize }

  /// The register that `number` means as an operand of `size`: 4 to 7 without REX are AH, CH, DH and BH.
  func operand(_ number: UInt8, _ size: OperandSize) -> RegisterOperand {
    if size == .byte && rex == 0 && number >= 4 && number < 8 {
      return RegisterOperand(GeneralRegister(encoding: number &- 4), isHighByte: true)
    }
    return RegisterOperand(GeneralRegister(encoding: number))
  }
}
