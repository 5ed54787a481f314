// SPDX-License-Identifier: Apache-2.0
// The frame's registers in the order in which instructions number them.
import Instructions
import Machine

extension TrapFrame {
  /// The sixteen general registers by their numbers in instructions.
  var generalRegisters: GeneralRegisters {
    get {
      GeneralRegisters(words: [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15])
    }
    set {
      rax = newValue[.rax]
      rcx = newValue[.rcx]
      rdx = newValue[.rdx]
      rbx = newValue[.rbx]
      rsp = newValue[.rsp]
      rbp = newValue[.rbp]
      rsi = newValue[.rsi]
      rdi = newValue[.rdi]
      r8 = newValue[.r8]
      r9 = newValue[.r9]
      r10 = newValue[.r10]
      r11 = newValue[.r11]
      r12 = newValue[.r12]
      r13 = newValue[.r13]
      r14 = newValue[.r14]
      r15 = newValue[.r15]
    }
  }
}
