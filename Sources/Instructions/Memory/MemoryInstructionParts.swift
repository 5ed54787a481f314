// SPDX-License-Identifier: Apache-2.0
//
// The operand shapes that memory instructions come in, shared by the opcode switches of the decoder.

/// A memory instruction while it is being put together.
struct MemoryInstructionParts {
  var operation: MemoryOperation
  var size: OperandSize
  var registerSize: OperandSize
  var other: OtherOperand
  var memoryIsDestination: Bool
  var isLocked = false
  /// The ModRM register number, kept for `setRegister`.
  var registerNumber: UInt8 = 0
  var address: AddressExpression

  init(_ operation: MemoryOperation, _ size: OperandSize, _ other: OtherOperand, _ address: AddressExpression) {
    self.operation = operation
    self.size = size
    self.registerSize = size
    self.other = other
    self.memoryIsDestination = true
    self.address = address
  }

  /// Makes the register operand one of `size`, other than the memory operand's.
  mutating func setRegister(size: OperandSize, _ prefixes: Prefixes) {
    registerSize = size
    other = .register(prefixes.operand(registerNumber, size))
  }

  /// True where the CPU accepts LOCK: read-modify-write of memory.
  var acceptsLock: Bool {
    switch operation {
    case .add, .or, .addWithCarry, .subtractWithBorrow, .and, .subtract, .xor, .increment, .decrement, .not, .negate,
      .exchange, .exchangeAdd, .compareExchange, .compareExchangePair, .bitTestSet, .bitTestReset, .bitTestComplement:
      memoryIsDestination
    default: false
    }
  }

  func instruction(length: UInt8, _ prefixes: Prefixes) -> MemoryInstruction {
    let isString = operation == .storeString || operation == .moveString
    return MemoryInstruction(
      operation: operation, size: size, registerSize: registerSize, other: other,
      memoryIsDestination: memoryIsDestination, isLocked: isLocked,
      iteration: StringIteration(
        addressSize: prefixes.addressSize, repeats: isString && prefixes.repetition != .none),
      length: length, address: address, sourceSegment: prefixes.segment ?? .ds)
  }
}

extension MemoryInstruction {
  /// ModRM memory operand and a register.
  static func withRegister(
    _ operation: MemoryOperation, _ size: OperandSize, toMemory: Bool = true, _ reader: inout InstructionReader,
    _ prefixes: Prefixes
  ) -> MemoryInstructionParts? {
    let modRM = ModRM(&reader, prefixes)
    guard !modRM.isRegister else { return nil }
    let register = OtherOperand.register(prefixes.operand(modRM.register, size))
    var parts = MemoryInstructionParts(operation, size, register, modRM.address(&reader))
    parts.memoryIsDestination = toMemory
    parts.registerNumber = modRM.register
    return parts
  }

  /// ModRM memory operand alone; `operation` picks by group number.
  static func withoutOther(
    _ size: OperandSize, _ reader: inout InstructionReader, _ prefixes: Prefixes,
    _ operation: (UInt8) -> MemoryOperation?
  ) -> MemoryInstructionParts? {
    let modRM = ModRM(&reader, prefixes)
    guard !modRM.isRegister, let operation = operation(modRM.group) else { return nil }
    return MemoryInstructionParts(operation, size, .none, modRM.address(&reader))
  }

  /// ModRM memory operand and an immediate of `immediate`, or of `size` (32 bits at most) without one.
  static func withImmediate(
    _ size: OperandSize, immediate: OperandSize? = nil, _ reader: inout InstructionReader, _ prefixes: Prefixes,
    _ operation: (UInt8) -> MemoryOperation?
  ) -> MemoryInstructionParts? {
    guard var parts = withoutOther(size, &reader, prefixes, operation) else { return nil }
    let immediateSize = immediate ?? (size == .quadword ? .doubleword : size)
    parts.other = .immediate(reader.nextSignExtended(immediateSize))
    return parts
  }

  /// F6 and F7: TEST with an immediate, NOT and NEG. MUL and DIV are not page-table business.
  static func unaryGroup(
    _ size: OperandSize, _ reader: inout InstructionReader, _ prefixes: Prefixes
  ) -> MemoryInstructionParts? {
    let group = (reader.peeked >> 3) & 7
    switch group {
    case 0, 1: return withImmediate(size, &reader, prefixes) { _ in .test }
    case 2: return withoutOther(size, &reader, prefixes) { _ in .not }
    case 3: return withoutOther(size, &reader, prefixes) { _ in .negate }
    default: return nil
    }
  }

  /// A0 to A3: MOV between the accumulator and an address in the instruction.
  static func accumulatorOffset(
    _ opcode: UInt8, _ size: OperandSize, _ reader: inout InstructionReader, _ prefixes: Prefixes
  ) -> MemoryInstructionParts? {
    var address = AddressExpression(prefixes.segment ?? .ds, size: prefixes.addressSize, mode: prefixes.mode)
    address.displacement = reader.next(prefixes.addressSize)
    let isStore = opcode & 2 != 0
    var parts = MemoryInstructionParts(
      isStore ? .store : .load, size, .register(RegisterOperand(.rax)), address)
    parts.memoryIsDestination = isStore
    return parts
  }

  /// STOS and MOVS: the destination is ES:[RDI], which no prefix overrides.
  static func string(
    _ operation: MemoryOperation, _ size: OperandSize, _ prefixes: Prefixes
  ) -> MemoryInstructionParts? {
    let address = AddressExpression(.es, base: .rdi, size: prefixes.addressSize, mode: prefixes.mode)
    return MemoryInstructionParts(operation, size, .none, address)
  }
}
