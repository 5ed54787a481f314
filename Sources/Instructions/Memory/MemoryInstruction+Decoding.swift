// SPDX-License-Identifier: Apache-2.0
//
// Decoding of instructions with a memory operand. Plain stores and the locked bit and compare-exchange forms, which are
// what kernels do to page tables, take one switch after the prefixes.

extension MemoryInstruction {
  /// Decodes the instruction at the start of `bytes`.
  ///
  /// - Returns: `.unsupported` for instructions without a memory operand and for those outside the repertoire;
  ///   `.invalid` for LOCK where the CPU refuses it.
  public static func decode(_ bytes: InstructionBytes, mode: CodeMode) -> DecodeResult<MemoryInstruction> {
    var reader = InstructionReader(bytes)
    let prefixes = Prefixes(&reader, mode)
    let opcode = reader.next()
    var parts: MemoryInstructionParts?
    if opcode == 0x0f {
      parts = extended(&reader, prefixes)
    } else {
      parts = plain(opcode, &reader, prefixes)
    }
    guard var parts else { return reader.settle(.unsupported) }
    if prefixes.hasLock {
      guard parts.acceptsLock else { return reader.settle(.invalid) }
      parts.isLocked = true
    }
    return reader.settle(.decoded(parts.instruction(length: reader.position, prefixes)))
  }

  /// One-byte opcodes.
  private static func plain(
    _ opcode: UInt8, _ reader: inout InstructionReader, _ prefixes: Prefixes
  ) -> MemoryInstructionParts? {
    let size: OperandSize = opcode & 1 == 0 ? .byte : prefixes.operandSize
    switch opcode {
    case 0x88, 0x89: return withRegister(.store, size, &reader, prefixes)
    case 0x8a, 0x8b: return withRegister(.load, size, toMemory: false, &reader, prefixes)
    case 0xc6, 0xc7: return withImmediate(size, &reader, prefixes) { $0 == 0 ? .store : nil }
    case 0x00...0x3f where opcode & 7 < 4:
      return withRegister(.arithmetic(opcode >> 3), size, toMemory: opcode & 2 == 0, &reader, prefixes)
    case 0x80, 0x81: return withImmediate(size, &reader, prefixes) { .arithmetic($0) }
    case 0x82 where prefixes.mode != .long: return withImmediate(size, &reader, prefixes) { .arithmetic($0) }
    case 0x83: return withImmediate(size, immediate: .byte, &reader, prefixes) { .arithmetic($0) }
    case 0x84, 0x85: return withRegister(.test, size, &reader, prefixes)
    case 0x86, 0x87:
      var parts = withRegister(.exchange, size, &reader, prefixes)
      parts?.isLocked = true
      return parts
    case 0x63 where prefixes.mode == .long:
      // MOVSXD; without REX.W it moves what MOV would.
      let source: OperandSize = prefixes.operandSize == .word ? .word : .doubleword
      var parts = withRegister(.loadSignExtended, source, toMemory: false, &reader, prefixes)
      parts?.setRegister(size: prefixes.operandSize, prefixes)
      return parts
    case 0xa0...0xa3: return accumulatorOffset(opcode, size, &reader, prefixes)
    case 0xa4, 0xa5: return string(.moveString, size, prefixes)
    case 0xaa, 0xab: return string(.storeString, size, prefixes)
    case 0xf6, 0xf7: return unaryGroup(size, &reader, prefixes)
    case 0xfe, 0xff:
      return withoutOther(size, &reader, prefixes) { $0 == 0 ? .increment : $0 == 1 ? .decrement : nil }
    default: return nil
    }
  }

  /// Opcodes after 0F.
  private static func extended(
    _ reader: inout InstructionReader, _ prefixes: Prefixes
  ) -> MemoryInstructionParts? {
    let opcode = reader.next()
    let size: OperandSize = opcode & 1 == 0 ? .byte : prefixes.operandSize
    switch opcode {
    case 0xa3, 0xab, 0xb3, 0xbb:
      return withRegister(.bit(opcode >> 3), prefixes.operandSize, &reader, prefixes)
    case 0xba:
      return withImmediate(prefixes.operandSize, immediate: .byte, &reader, prefixes) { $0 < 4 ? nil : .bit($0) }
    case 0xb0, 0xb1: return withRegister(.compareExchange, size, &reader, prefixes)
    case 0xc0, 0xc1: return withRegister(.exchangeAdd, size, &reader, prefixes)
    case 0xc3:
      guard prefixes.hasNoMandatory else { return nil }
      return withRegister(.store, prefixes.operandSize, &reader, prefixes)
    case 0xc7:
      return withoutOther(prefixes.isWide ? .doubleQuadword : .quadword, &reader, prefixes) {
        $0 == 1 ? .compareExchangePair : nil
      }
    case 0xb6, 0xb7, 0xbe, 0xbf:
      let operation: MemoryOperation = opcode < 0xb8 ? .loadZeroExtended : .loadSignExtended
      let source: OperandSize = opcode & 1 == 0 ? .byte : .word
      var parts = withRegister(operation, source, toMemory: false, &reader, prefixes)
      parts?.setRegister(size: prefixes.operandSize, prefixes)
      return parts
    default: return nil
    }
  }
}
