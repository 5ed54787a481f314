// SPDX-License-Identifier: Apache-2.0
//
// A guest's sixteen general registers, in encoding order, with the access rules of each operand width.

/// The sixteen general registers as one value, in x86 encoding order.
public struct GeneralRegisters: Sendable {
  /// The register words: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
  public var words: InlineArray<16, UInt64>

  /// All registers zero.
  public init() { words = InlineArray(repeating: 0) }

  /// The registers given in encoding order.
  public init(words: InlineArray<16, UInt64>) { self.words = words }

  /// The whole 64-bit register.
  public subscript(register: GeneralRegister) -> UInt64 {
    get { words[Int(register.rawValue & 15)] }
    set { words[Int(register.rawValue & 15)] = newValue }
  }

  /// The operand's bits at `size`, zero-extended to 64.
  public func read(_ operand: RegisterOperand, _ size: OperandSize) -> UInt64 {
    let word = self[operand.register]
    return (operand.isHighByte ? word >> 8 : word) & size.mask
  }

  /// The register's low bits at `size`, zero-extended to 64.
  public func read(_ register: GeneralRegister, _ size: OperandSize) -> UInt64 {
    self[register] & size.mask
  }

  /// Writes `value`'s low bits as the CPU does: 8 and 16-bit writes keep the rest of the register, 32-bit writes clear
  /// its upper half.
  public mutating func write(_ value: UInt64, to operand: RegisterOperand, _ size: OperandSize) {
    switch size {
    case .byte:
      let shift: UInt64 = operand.isHighByte ? 8 : 0
      let kept = self[operand.register] & ~((0xff as UInt64) &<< shift)
      self[operand.register] = kept | ((value & 0xff) &<< shift)
    case .word: self[operand.register] = (self[operand.register] & ~0xffff) | (value & 0xffff)
    case .doubleword: self[operand.register] = value & 0xffff_ffff
    case .quadword, .doubleQuadword: self[operand.register] = value
    }
  }

  /// As `write(_:to:_:)` above, for a register's low part.
  public mutating func write(_ value: UInt64, to register: GeneralRegister, _ size: OperandSize) {
    write(value, to: RegisterOperand(register), size)
  }
}
