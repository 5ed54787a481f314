// SPDX-License-Identifier: Apache-2.0
//
// TSC_AUX: what RDTSCP gives besides the counter. Linux keeps the number of the processor there, for programs to read.

import CGuestKit
import GuestKit

private let readTimeStampAndProcessor: [UInt8] = [0x0f, 0x01, 0xf9]

private func writeMSR(_ value: UInt64) -> Attempt {
  attempt([0x0f, 0x30], rax: value & 0xffff_ffff, rcx: 0xc000_0103, rdx: value >> 32)
}

/// tsc-aux: what the kernel writes, kernel and user mode read.
func timeStampAuxiliary() -> Guest {
  Guest("tsc-aux", "RDTSCP gives what the kernel has written to TSC_AUX, in user mode too") { () throws(Failure) in
    for value: UInt64 in [5, 0xffff_ffff, 0] {
      try expectNoFault("wrmsr", writeMSR(value))
      let read = attempt([0x0f, 0x32], rcx: 0xc000_0103)
      try expectNoFault("rdmsr", read)
      try expect("rdmsr", read.registers.rdx << 32 | read.registers.rax, value)
      let direct = attempt(readTimeStampAndProcessor)
      try expectNoFault("rdtscp", direct)
      try expect("rdtscp", direct.registers.rcx, value)
    }
    try expectFault("wrmsr of 33 bits", writeMSR(1 << 32), Vector.generalProtection)
    try expectNoFault("wrmsr", writeMSR(77))
    let user = UserSpace(readTimeStampAndProcessor + [0x48, 0x89, 0xcb, 0x0f, 0x05])
    try expect("user mode comes back", user.run().vector, Vector.syscall)
    try expect("rdtscp in user mode", user.registers.rbx, 77)
  }
}

private var mixed = false

/// smp-tsc-aux: two vCPUs on one CPU have different values.
func timeStampAuxiliaryOfEach() -> Guest {
  Guest("smp-tsc-aux", "each vCPU has its own TSC_AUX (needs 2 vCPUs)") { () throws(Failure) in
    try takeTurns(
      otherBegins: { _ = writeMSR(2222) },
      other: { if gk_time_stamp_auxiliary() != 2222 { mixed = true } },
      begin: { () throws(Failure) in try expectNoFault("wrmsr", writeMSR(1111)) },
      mine: { () throws(Failure) in try expect("vCPU 0's", gk_time_stamp_auxiliary(), 1111) })
    try require("vCPU 1's", !mixed)
  }
}
