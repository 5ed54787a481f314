// SPDX-License-Identifier: Apache-2.0
//
// The two crowded opcode groups 0F 00 and 0F 01: descriptor tables, machine status, and the instructions that hide in
// the register forms of 0F 01.

extension PrivilegedInstruction {
  /// 0F 00: SLDT, STR, LLDT, LTR. VERR and VERW (/4, /5) do not trap.
  static func segmentGroup(
    _ reader: inout InstructionReader, _ prefixes: Prefixes
  ) -> DecodeResult<PrivilegedOperation> {
    let modRM = ModRM(&reader, prefixes)
    guard modRM.group < 4, let table = DescriptorTableOperation(rawValue: modRM.group) else { return .unsupported }
    let isStore = modRM.group < 2
    return .decoded(
      .descriptorTable(table, operand(modRM, &reader, registerSize: isStore ? prefixes.operandSize : .word)))
  }

  /// 0F 01, all forms.
  static func systemGroup(
    _ reader: inout InstructionReader, _ prefixes: Prefixes
  ) -> DecodeResult<PrivilegedOperation> {
    let modRM = ModRM(&reader, prefixes)
    switch modRM.group {
    case 4: return .decoded(.storeMachineStatus(operand(modRM, &reader, registerSize: prefixes.operandSize)))
    // 0F 01 /5 in register form holds other instructions; in memory form it is RSTORSSP or nothing.
    case 5: return .unsupported
    case 6: return .decoded(.loadMachineStatus(operand(modRM, &reader, registerSize: .word)))
    default: break
    }
    if modRM.isRegister { return registerForm(modRM.byte, prefixes) }
    if modRM.group == 7 { return .decoded(.invalidatePage(modRM.address(&reader))) }
    guard let table = DescriptorTableOperation(rawValue: modRM.group &+ 4) else { return .unsupported }
    return .decoded(.descriptorTable(table, .memory(modRM.address(&reader))))
  }

  /// The instructions that are a whole ModRM byte after 0F 01.
  private static func registerForm(_ byte: UInt8, _ prefixes: Prefixes) -> DecodeResult<PrivilegedOperation> {
    let operation: PrivilegedOperation
    switch byte {
    case 0xc8, 0xfa: operation = .monitor
    case 0xc9, 0xfb: operation = .wait
    case 0xca: operation = .setAlignmentCheck(false)
    case 0xcb: operation = .setAlignmentCheck(true)
    case 0xd0: operation = .getExtendedControl
    case 0xd1: operation = .setExtendedControl
    // SWAPGS and RDTSCP are not encoded with the other NP instructions: prefixes are ignored on them.
    case 0xf8: return prefixes.mode == .long ? .decoded(.swapGS) : .invalid
    case 0xf9: return .decoded(.readTimeStampAndProcessor)
    default: return .unsupported
    }
    return prefixes.hasNoMandatory ? .decoded(operation) : .invalid
  }

  /// A register of `registerSize`, or memory.
  private static func operand(
    _ modRM: ModRM, _ reader: inout InstructionReader, registerSize: OperandSize
  ) -> SystemOperand {
    modRM.isRegister
      ? .register(GeneralRegister(encoding: modRM.operandRegister), registerSize)
      : .memory(modRM.address(&reader))
  }
}
