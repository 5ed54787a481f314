// SPDX-License-Identifier: Apache-2.0
//
// The opcode map of memory instructions: from opcode (and ModRM group number) to operation, operand form and widths. A
// shape is a few bytes, so that the decoder proper stays one straight line.

/// What an opcode says about an instruction before its operands are read.
struct MemoryShape {
  /// Where the operands are.
  enum Form: UInt8 {
    /// ModRM memory, and the ModRM register as the other operand; the result goes to memory.
    case memoryRegister
    /// As above; the result goes to the register.
    case registerMemory
    /// ModRM memory, and an immediate as wide as the operand (32 bits at most).
    case immediate
    /// ModRM memory, and an 8-bit immediate.
    case byteImmediate
    /// ModRM memory alone.
    case alone
    /// ModRM, but a member of its opcode group that is outside the repertoire.
    case foreign
    /// The accumulator, to an address in the instruction.
    case accumulatorStore
    /// The accumulator, from an address in the instruction.
    case accumulatorLoad
    /// STOS and MOVS: no ModRM.
    case string

    var hasModRM: Bool { rawValue <= Form.foreign.rawValue }
    var memoryIsDestination: Bool { self != .registerMemory && self != .accumulatorLoad }
  }

  let operation: MemoryOperation
  let form: Form
  /// Width of the memory operand.
  let size: OperandSize
  /// Width of the register operand.
  let registerSize: OperandSize

  init(_ operation: MemoryOperation, _ form: Form, _ size: OperandSize, register: OperandSize? = nil) {
    self.operation = operation
    self.form = form
    self.size = size
    self.registerSize = register ?? size
  }

  /// A group member outside the repertoire: known as such only once the ModRM byte is there.
  private static var foreign: MemoryShape { MemoryShape(.load, .foreign, .byte) }

  /// True where the CPU accepts LOCK: read-modify-write of memory.
  var acceptsLock: Bool {
    switch operation {
    case .add, .or, .addWithCarry, .subtractWithBorrow, .and, .subtract, .xor, .increment, .decrement, .not, .negate,
      .exchange, .exchangeAdd, .compareExchange, .compareExchangePair, .bitTestSet, .bitTestReset, .bitTestComplement:
      form.memoryIsDestination
    default: false
    }
  }

  /// The shape of a one-byte opcode. `modRM` is the byte that follows.
  static func plain(_ opcode: UInt8, modRM: UInt8, _ prefixes: Prefixes) -> MemoryShape? {
    let size: OperandSize = opcode & 1 == 0 ? .byte : prefixes.operandSize
    let group = (modRM >> 3) & 7
    switch opcode {
    case 0x88, 0x89: return MemoryShape(.store, .memoryRegister, size)
    case 0x8a, 0x8b: return MemoryShape(.load, .registerMemory, size)
    case 0x86, 0x87: return MemoryShape(.exchange, .memoryRegister, size)
    case 0xc6, 0xc7: return group == 0 ? MemoryShape(.store, .immediate, size) : foreign
    case 0x00...0x3f:
      // Of each eight opcodes: memory and register in four forms, the accumulator in two, and two that are not ours.
      guard opcode & 4 == 0 else { return nil }
      return MemoryShape(.arithmetic(opcode >> 3), opcode & 2 == 0 ? .memoryRegister : .registerMemory, size)
    case 0x80, 0x81: return MemoryShape(.arithmetic(group), .immediate, size)
    case 0x82: return prefixes.mode == .long ? nil : MemoryShape(.arithmetic(group), .immediate, size)
    case 0x83: return MemoryShape(.arithmetic(group), .byteImmediate, size)
    case 0x84, 0x85: return MemoryShape(.test, .memoryRegister, size)
    case 0x63:
      // MOVSXD; without REX.W it moves what MOV would. Outside long mode it is ARPL.
      guard prefixes.mode == .long else { return nil }
      let source: OperandSize = prefixes.operandSize == .word ? .word : .doubleword
      return MemoryShape(.loadSignExtended, .registerMemory, source, register: prefixes.operandSize)
    case 0xa0, 0xa1: return MemoryShape(.load, .accumulatorLoad, size)
    case 0xa2, 0xa3: return MemoryShape(.store, .accumulatorStore, size)
    case 0xa4, 0xa5: return MemoryShape(.moveString, .string, size)
    case 0xaa, 0xab: return MemoryShape(.storeString, .string, size)
    case 0xf6, 0xf7:
      // MUL and DIV, the other half of the group, are not page-table business.
      switch group {
      case 0, 1: return MemoryShape(.test, .immediate, size)
      case 2: return MemoryShape(.not, .alone, size)
      case 3: return MemoryShape(.negate, .alone, size)
      default: return foreign
      }
    case 0xfe, 0xff:
      return group < 2 ? MemoryShape(group == 0 ? .increment : .decrement, .alone, size) : foreign
    default: return nil
    }
  }

  /// The shape of an opcode after 0F. `modRM` is the byte that follows.
  static func extended(_ opcode: UInt8, modRM: UInt8, _ prefixes: Prefixes) -> MemoryShape? {
    let wide = prefixes.operandSize
    let size: OperandSize = opcode & 1 == 0 ? .byte : wide
    let group = (modRM >> 3) & 7
    switch opcode {
    case 0xa3, 0xab, 0xb3, 0xbb: return MemoryShape(.bit(opcode >> 3), .memoryRegister, wide)
    case 0xba: return group < 4 ? foreign : MemoryShape(.bit(group), .byteImmediate, wide)
    case 0xb0, 0xb1: return MemoryShape(.compareExchange, .memoryRegister, size)
    case 0xb6, 0xb7, 0xbe, 0xbf:
      let operation: MemoryOperation = opcode < 0xb8 ? .loadZeroExtended : .loadSignExtended
      return MemoryShape(operation, .registerMemory, opcode & 1 == 0 ? .byte : .word, register: wide)
    case 0xc0, 0xc1: return MemoryShape(.exchangeAdd, .memoryRegister, size)
    // MOVNTI.
    case 0xc3: return prefixes.hasNoMandatory ? MemoryShape(.store, .memoryRegister, wide) : nil
    case 0xc7:
      guard group == 1 else { return foreign }
      return MemoryShape(.compareExchangePair, .alone, prefixes.isWide ? .doubleQuadword : .quadword)
    default: return nil
    }
  }
}
