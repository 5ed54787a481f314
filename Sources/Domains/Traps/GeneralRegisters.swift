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

  /// The general register with a number as instructions have it (0 to 15).
  func general(_ number: UInt8) -> UInt64 {
    switch number & 15 {
    case 0: rax
    case 1: rcx
    case 2: rdx
    case 3: rbx
    case 4: rsp
    case 5: rbp
    case 6: rsi
    case 7: rdi
    case 8: r8
    case 9: r9
    case 10: r10
    case 11: r11
    case 12: r12
    case 13: r13
    case 14: r14
    default: r15
    }
  }

  /// Sets the general register with a number as instructions have it (0 to 15).
  mutating func setGeneral(_ number: UInt8, _ value: UInt64) {
    switch number & 15 {
    case 0: rax = value
    case 1: rcx = value
    case 2: rdx = value
    case 3: rbx = value
    case 4: rsp = value
    case 5: rbp = value
    case 6: rsi = value
    case 7: rdi = value
    case 8: r8 = value
    case 9: r9 = value
    case 10: r10 = value
    case 11: r11 = value
    case 12: r12 = value
    case 13: r13 = value
    case 14: r14 = value
    default: r15 = value
    }
  }
}
