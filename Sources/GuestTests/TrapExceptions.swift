// SPDX-License-Identifier: Apache-2.0
//
// Faults that the processor raises in kernel mode arrive with the right vector, error code and rip.

import GuestKit

/// trap-divide: #DE has no error code and its rip is at the division.
func divideTrap() -> Guest {
  Guest("trap-divide", "division by zero arrives as vector 0 at the instruction") { () throws(Failure) in
    // div ecx
    try expectFault("div by zero", attempt([0xf7, 0xf1], rcx: 0), Vector.divideError)
    let fine = attempt([0xf7, 0xf1], rax: 42, rcx: 6)
    try expectNoFault("div by six", fine)
    try expect("quotient", fine.registers.rax, 7)
  }
}
