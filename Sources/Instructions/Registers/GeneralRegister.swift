// SPDX-License-Identifier: Apache-2.0
//
// Names of the general and segment registers, numbered as the instruction encoding numbers them.

/// A general register; the raw value is its number in ModRM, SIB and REX encoding.
public enum GeneralRegister: UInt8, Sendable {
  case rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi
  case r8, r9, r10, r11, r12, r13, r14, r15

  /// The register with this encoding number; bits above the low four are ignored.
  public init(encoding: UInt8) { self = GeneralRegister(rawValue: encoding & 15) ?? .rax }
}

/// A segment register; the raw value is its number in the encoding of MOV Sreg.
public enum SegmentRegister: UInt8, Sendable {
  case es, cs, ss, ds, fs, gs
}

/// A general register as an operand: which one, and whether its bits 8 to 15 (AH, CH, DH, BH) are meant.
public struct RegisterOperand: Equatable, Sendable {
  /// The register that holds the operand.
  public let register: GeneralRegister
  /// True for AH, CH, DH and BH: the operand is bits 8 to 15 of rax, rcx, rdx or rbx.
  public let isHighByte: Bool

  /// An operand in a register.
  public init(_ register: GeneralRegister, isHighByte: Bool = false) {
    self.register = register
    self.isHighByte = isHighByte
  }
}
