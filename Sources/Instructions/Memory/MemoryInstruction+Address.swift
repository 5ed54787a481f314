// SPDX-License-Identifier: Apache-2.0
//
// Where the memory operand lies once registers are known.

extension MemoryInstruction {
  /// The linear address of the memory operand: for STOS and MOVS that of the destination element, and for BT, BTS, BTR
  /// and BTC with a register bit offset that of the operand-sized word that holds the bit, which may be far from the
  /// address in the instruction.
  ///
  /// - Parameter nextInstruction: RIP after this instruction.
  public func effectiveAddress(
    registers: GeneralRegisters, nextInstruction: UInt64, segments: SegmentBases
  ) -> UInt64 {
    var offset = address.offset(registers, nextInstruction: nextInstruction)
    if operation.isBitOperation, case .register(let operand) = other {
      let bitOffset = Int64(bitPattern: size.signExtended(registers.read(operand, size)))
      // Arithmetic shift: a negative bit offset selects a word below the address.
      let byteOffset = UInt64(bitPattern: bitOffset >> 3) & ~(size.byteCount &- 1)
      offset = (offset &+ byteOffset) & address.addressSize.mask
    }
    return address.linear(offset: offset, segments)
  }

  /// The linear address that MOVS reads from; nil for all others.
  public func sourceAddress(registers: GeneralRegisters, segments: SegmentBases) -> UInt64? {
    guard operation == .moveString else { return nil }
    let source = AddressExpression(sourceSegment, base: .rsi, size: address.addressSize, mode: address.mode)
    return source.effectiveAddress(registers: registers, nextInstruction: 0, segments: segments)
  }
}
