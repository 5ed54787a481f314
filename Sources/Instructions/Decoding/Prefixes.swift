// SPDX-License-Identifier: Apache-2.0
//
// Legacy and REX prefixes, and the operand and address sizes that follow from them.

/// The prefixes in front of an opcode.
struct Prefixes {
  /// F2 or F3, whichever came last.
  enum Repeat: UInt8 { case none, whileNotEqual, whileEqual }

  /// The REX byte just before the opcode, or zero.
  private(set) var rex: UInt8 = 0
  private(set) var hasOperandSize = false
  private(set) var hasAddressSize = false
  private(set) var hasLock = false
  private(set) var repetition = Repeat.none
  /// The segment override in force. In long mode ES, CS, SS and DS overrides do nothing and are not recorded.
  private(set) var segment: SegmentRegister?
  let mode: CodeMode

  /// Consumes all prefixes; the reader is left at the opcode.
  init(_ reader: inout InstructionReader, _ mode: CodeMode) {
    self.mode = mode
    // Bounded: each turn consumes a byte, and past the last of at most 15 the reader yields zero, which is no prefix.
    while true {
      let byte = reader.peeked
      switch byte {
      case 0x40...0x4f where mode == .long:
        rex = byte
        _ = reader.next()
        continue
      case 0x66: hasOperandSize = true
      case 0x67: hasAddressSize = true
      case 0xf0: hasLock = true
      case 0xf2: repetition = .whileNotEqual
      case 0xf3: repetition = .whileEqual
      case 0x26, 0x2e, 0x36, 0x3e:
        if mode != .long { segment = SegmentRegister(rawValue: (byte &- 0x26) >> 3) }
      case 0x64: segment = .fs
      case 0x65: segment = .gs
      default: return
      }
      // A REX byte counts only when it comes right before the opcode.
      rex = 0
      _ = reader.next()
    }
  }

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
