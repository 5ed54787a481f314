// SPDX-License-Identifier: Apache-2.0
//
// Decoding of instructions with a memory operand: prefixes, shape, operands, in one straight line.

extension MemoryInstruction {
  /// Decodes the instruction at the start of `bytes`.
  ///
  /// - Returns: `.unsupported` for instructions without a memory operand and for those outside the repertoire;
  ///   `.invalid` for LOCK where the CPU refuses it.
  public static func decode(_ bytes: InstructionBytes, mode: CodeMode) -> DecodeResult<MemoryInstruction> {
    var reader = InstructionReader(bytes)
    let prefixes = Prefixes(&reader, mode)
    var opcode = reader.next()
    let shape: MemoryShape?
    if opcode == 0x0f {
      opcode = reader.next()
      shape = MemoryShape.extended(opcode, modRM: reader.peeked, prefixes)
    } else {
      shape = MemoryShape.plain(opcode, modRM: reader.peeked, prefixes)
    }
    guard let shape else { return reader.settle(.unsupported) }

    var address: AddressExpression
    var other = OtherOperand.none
    if shape.form.hasModRM {
      let modRM = ModRM(&reader, prefixes)
      if prefixes.hasLock && (modRM.isRegister || !shape.acceptsLock) { return reader.settle(.invalid) }
      if modRM.isRegister || shape.form == .foreign { return reader.settle(.unsupported) }
      address = modRM.address(&reader)
      switch shape.form {
      case .immediate:
        other = .immediate(reader.nextSignExtended(shape.size == .quadword ? .doubleword : shape.size))
      case .byteImmediate: other = .immediate(reader.nextSignExtended(.byte))
      case .alone: break
      default: other = .register(prefixes.operand(modRM.register, shape.registerSize))
      }
    } else if prefixes.hasLock {
      return reader.settle(.invalid)
    } else if shape.form == .string {
      // No prefix moves the destination off ES:[RDI].
      address = AddressExpression(.es, base: .rdi, size: prefixes.addressSize, mode: mode)
    } else {
      address = AddressExpression(prefixes.segment ?? .ds, size: prefixes.addressSize, mode: mode)
      address.displacement = reader.next(prefixes.addressSize)
      other = .register(RegisterOperand(.rax))
    }
    return reader.settle(
      .decoded(
        MemoryInstruction(
          operation: shape.operation, size: shape.size, registerSize: shape.registerSize, other: other,
          memoryIsDestination: shape.form.memoryIsDestination,
          isLocked: prefixes.hasLock || shape.operation == .exchange,
          iteration: StringIteration(
            addressSize: prefixes.addressSize, repeats: shape.form == .string && prefixes.repetition != .none),
          length: reader.position, address: address, sourceSegment: prefixes.segment ?? .ds)))
  }
}
