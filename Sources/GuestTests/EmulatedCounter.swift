// SPDX-License-Identifier: Apache-2.0
//
// The time-stamp counter by `tsc_mode=` of the guest's configuration: what RDTSC, RDTSCP, the MSR, vcpu_time_info and CPUID say of it
// is one story, in kernel and user mode, whether it is emulated or not.

import CGuestKit
import GuestKit

private let readCounter: [UInt8] = [0x0f, 0x31]
private let readCounterAndProcessor: [UInt8] = [0x0f, 0x01, 0xf9]

private func counter(_ registers: gk_registers) -> UInt64 { registers.rdx << 32 | registers.rax & 0xffff_ffff }

/// System time and the counter at one moment: of some readings the one that was least disturbed.
private func moment() -> (time: UInt64, counter: UInt64) {
  var best = (width: UInt64.max, time: UInt64(0), counter: UInt64(0))
  for _ in 0..<50 {
    let before = Time.system()
    let counter = gk_rdtsc()
    let width = Time.system() - before
    if width < best.width { best = (width, before + width / 2, counter) }
  }
  return (best.time, best.counter)
}

/// tsc-mode: the counter never goes back, is as fast as CPUID says, and time by it is system time. `emulated=1` or `emulated=0` on the
/// command line says what it has to be.
func counterMode() -> Guest {
  Guest("tsc-mode", "RDTSC, RDTSCP, the MSR, CPUID and vcpu_time_info agree on the counter") { () throws(Failure) in
    let leaf = attempt([0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2], rax: 0x4000_0003)
    try expectNoFault("leaf 0x40000003", leaf)
    if let wanted = StartInfo.number("emulated=") { try expect("emulated", leaf.registers.rax & 1, wanted) }
    let kilohertz = leaf.registers.rcx & 0xffff_ffff
    try require("a rate of some kind", kilohertz >= 1000)
    var last: UInt64 = 0
    for _ in 0..<300 {
      let first = attempt(readCounter)
      try expectNoFault("rdtsc", first)
      try require("the counter never goes back", counter(first.registers) >= last)
      let second = attempt(readCounterAndProcessor)
      try expectNoFault("rdtscp", second)
      try require("by RDTSCP neither", counter(second.registers) >= counter(first.registers))
      last = counter(second.registers)
    }
    let register = attempt([0x0f, 0x32], rcx: 0x10)
    try expectNoFault("rdmsr", register)
    try require("the MSR goes on from there", counter(register.registers) >= last)
    last = counter(register.registers)
    let user = UserSpace(readCounter + [0x48, 0x89, 0xc3, 0x0f, 0x05])
    try expect("user mode reads it", user.run().vector, Vector.syscall)
    try require("user mode reads on", user.registers.rdx << 32 | user.registers.rbx & 0xffff_ffff >= last)
    // Half a second by system time is that many ticks, to 1 in 100.
    let first = moment()
    Time.spin(500_000_000)
    let second = moment()
    let (passed, ticks) = (second.time - first.time, second.counter - first.counter)
    let due = passed / 1000 * kilohertz / 1000
    try require("as fast as CPUID says", ticks >= due - due / 100 && ticks <= due + due / 100)
  }
}
