// SPDX-License-Identifier: Apache-2.0
//
// The two bits of CR4 that a guest kernel sets for its applications' sake: they hold in hardware, in user mode, and for the vCPU
// that set them only.

import CGuestKit
import GuestKit

private let tsd: UInt64 = 1 << 2
private let fsGSBase: UInt64 = 1 << 16

private func readCR4() throws(Failure) -> UInt64 {
  let read = attempt([0x0f, 0x20, 0xe0])
  try expectNoFault("mov rax, cr4", read)
  return read.registers.rax
}

private func writeCR4(_ value: UInt64) throws(Failure) {
  try expectNoFault("mov cr4, rax", attempt([0x0f, 0x22, 0xe0], rax: value))
}

private let callBytes: [UInt8] = [0x0f, 0x05]
private let readTimeStamp: [UInt8] = [0x0f, 0x31]
private let readFSBase: [UInt8] = [0xf3, 0x48, 0x0f, 0xae, 0xc0]
private let writeGSBase: [UInt8] = [0xf3, 0x48, 0x0f, 0xae, 0xd8]

/// Whether CPUID, asked the way that is always emulated, tells of the instructions for segment bases.
private func hasSegmentBases() throws(Failure) -> Bool {
  let structured = attempt([0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2], rax: 7)
  try expectNoFault("forced cpuid", structured)
  return structured.registers.rbx & 1 != 0
}

/// cr4-time-stamp: with TSD user mode cannot read the time-stamp counter, and the kernel can.
func timeStampControl() -> Guest {
  Guest("cr4-time-stamp", "CR4.TSD keeps user mode from rdtsc, and not the kernel") { () throws(Failure) in
    let before = try readCR4()
    try expect("TSD at first", before & tsd, 0)
    let user = UserSpace(readTimeStamp + callBytes)
    try expect("user rdtsc", user.run().vector, Vector.syscall)
    try writeCR4(before | tsd)
    try expect("TSD is set", try readCR4(), before | tsd)
    user.reset()
    let refused = user.run()
    try expect("user rdtsc with TSD", refused.vector, Vector.generalProtection)
    try expect("at the instruction", refused.rip, UserSpace.code)
    let first = attempt(readTimeStamp)
    let second = attempt(readTimeStamp)
    try expectNoFault("kernel rdtsc with TSD", first)
    let (a, b) = (
      first.registers.rdx << 32 | first.registers.rax, second.registers.rdx << 32 | second.registers.rax
    )
    try require("it goes forward", b > a)
    try writeCR4(before)
    user.reset()
    try expect("user rdtsc again", user.run().vector, Vector.syscall)
  }
}

/// cr4-segment-bases: the instructions are there when the kernel has enabled them, in kernel and user mode, and not before.
func segmentBaseControl() -> Guest {
  Guest("cr4-segment-bases", "CR4.FSGSBASE enables rdfsbase and wrgsbase, and nothing else does") {
    () throws(Failure) in
    let before = try readCR4()
    note("CR4 at first", Int(before))
    guard try hasSegmentBases() else { return note("no such instructions on this CPU", 0) }
    try expect("FSGSBASE at first", before & fsGSBase, 0)
    let user = UserSpace(writeGSBase + callBytes)
    try expect("user wrgsbase", user.run().vector, Vector.invalidOpcode)
    try expectFault("kernel rdfsbase", attempt(readFSBase), Vector.invalidOpcode)

    try expect("set_segment_base", hypercall(__HYPERVISOR_set_segment_base, UInt64(SEGBASE_FS), 0x1234_5000), 0)
    try writeCR4(before | fsGSBase)
    try expect("FSGSBASE is set", try readCR4(), before | fsGSBase)
    let base = attempt(readFSBase)
    try expectNoFault("kernel rdfsbase, enabled", base)
    try expect("the base from before", base.registers.rax, 0x1234_5000)
    user.reset()
    try expect("user wrgsbase, enabled", user.run().vector, Vector.syscall)
    // An idle moment in between, in which the CPU may have done anything.
    Request(words: [0, 0, Time.system() + 5_000_000]).call(__HYPERVISOR_sched_op, SCHEDOP_poll)
    try expectNoFault("kernel rdfsbase after a rest", attempt(readFSBase))

    try writeCR4(before)
    try expectFault("kernel rdfsbase, disabled", attempt(readFSBase), Vector.invalidOpcode)
    user.reset()
    try expect("user wrgsbase, disabled", user.run().vector, Vector.invalidOpcode)
    try expect("set_segment_base", hypercall(__HYPERVISOR_set_segment_base, UInt64(SEGBASE_FS), 0), 0)
  }
}

/// smp-cr4: one vCPU has the instructions and uses them all the time, the other has not, on one CPU.
func controlOfEach() -> Guest {
  Guest("smp-cr4", "each vCPU has its own CR4 (needs 2 vCPUs)") { () throws(Failure) in
    guard try hasSegmentBases() else { return note("no such instructions on this CPU", 0) }
    try takeTurns(
      // Without a success the first use ends the test.
      otherBegins: { _ = attempt([0x0f, 0x22, 0xe0], rax: fsGSBase) },
      other: { _ = gk_read_fs_base() },
      mine: { () throws(Failure) in
        try expectFault("rdfsbase on vCPU 0", attempt(readFSBase), Vector.invalidOpcode)
      })
  }
}
