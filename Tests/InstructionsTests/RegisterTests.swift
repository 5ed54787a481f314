// SPDX-License-Identifier: Apache-2.0
//
// Access to registers by width.

import Instructions
import Testing

@Suite struct RegisterTests {
  @Test func writesKeepWhatTheProcessorKeeps() {
    var registers = GeneralRegisters()
    registers[.rbx] = 0x1122_3344_5566_7788
    registers.write(0xffaa, to: .rbx, .byte)
    #expect(registers[.rbx] == 0x1122_3344_5566_77aa)
    registers.write(0xffbb, to: RegisterOperand(.rbx, isHighByte: true), .byte)
    #expect(registers[.rbx] == 0x1122_3344_5566_bbaa)
    registers.write(0xf_cccc, to: .rbx, .word)
    #expect(registers[.rbx] == 0x1122_3344_5566_cccc)
    registers.write(0x9_dddd_eeee, to: .rbx, .doubleword)
    #expect(registers[.rbx] == 0xdddd_eeee)
    registers.write(.max, to: .rbx, .quadword)
    #expect(registers[.rbx] == .max)
  }

  @Test func readsAreZeroExtended() {
    var registers = GeneralRegisters()
    registers[.rdx] = 0x8877_6655_4433_f211
    #expect(registers.read(.rdx, .byte) == 0x11)
    #expect(registers.read(RegisterOperand(.rdx, isHighByte: true), .byte) == 0xf2)
    #expect(registers.read(.rdx, .word) == 0xf211)
    #expect(registers.read(.rdx, .doubleword) == 0x4433_f211)
    #expect(registers.read(.rdx, .quadword) == 0x8877_6655_4433_f211)
  }

  @Test func encodingOrder() {
    let order: [GeneralRegister] = [
      .rax, .rcx, .rdx, .rbx, .rsp, .rbp, .rsi, .rdi, .r8, .r9, .r10, .r11, .r12, .r13, .r14, .r15,
    ]
    var registers = GeneralRegisters()
    for index in 0..<16 { registers.words[index] = UInt64(index) }
    for (index, register) in order.enumerated() {
      #expect(registers[register] == UInt64(index))
      #expect(GeneralRegister(encoding: UInt8(index)) == register)
    }
  }
}
