// SPDX-License-Identifier: Apache-2.0
//
// CPUID by the forced emulation prefix: the hypervisor's leaves, and the machine as the guest may see it.

import GuestKit

/// cpuid: leaf 0x40000000 and its companions through the prefix; the plain instruction works too.
func processorIdentity() -> Guest {
  Guest("cpuid", "the forced-emulation prefix gives the hypervisor's CPUID leaves") { () throws(Failure) in
    func ask(_ leaf: UInt64, _ subleaf: UInt64 = 0) -> Attempt {
      attempt([0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2], rax: leaf, rcx: subleaf)
    }
    let base = ask(0x4000_0000)
    try expectNoFault("leaf 0x40000000", base)
    try expect("signature, ebx", base.registers.rbx & 0xffff_ffff, 0x566e_6558)
    try expect("signature, ecx", base.registers.rcx & 0xffff_ffff, 0x6558_4d4d)
    try expect("signature, edx", base.registers.rdx & 0xffff_ffff, 0x4d4d_566e)
    try require("highest hypervisor leaf", base.registers.rax >= 0x4000_0002)
    let version = ask(0x4000_0001)
    try expect("version 4.17", version.registers.rax & 0xffff_ffff, 4 << 16 | 17)
    let first = ask(1)
    try expect("leaf 1: hypervisor bit", first.registers.rcx >> 31 & 1, 1)
    try expect("leaf 1: no VMX", first.registers.rcx >> 5 & 1, 0)
    try expect("leaf 1: FPU, TSC, MSR, SSE2", first.registers.rdx & 0x0400_0031, 0x0400_0031)
    let extended = ask(0x8000_0001)
    try expect("leaf 0x80000001: long mode, syscall, no execute", extended.registers.rdx & 0x2010_0800, 0x2010_0800)
    try expect("leaf 0x80000001: no SVM", extended.registers.rcx >> 2 & 1, 0)
    try expectNoFault("plain cpuid", attempt([0x0f, 0xa2], rax: 0))
    // The prefix is for CPUID alone; before anything else it stays an undefined instruction.
    let other = attempt([0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0x31])
    try expectFault("the prefix before rdtsc", other, Vector.invalidOpcode)
    // In user mode too.
    let space = UserSpace([0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2, 0x0f, 0x05])
    space.registers.rax = 0x4000_0000
    try expect("user mode: no fault", space.run().vector, Vector.syscall)
    try expect("user mode: signature", space.registers.rbx & 0xffff_ffff, 0x566e_6558)
  }
}
