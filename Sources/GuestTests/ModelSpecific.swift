// SPDX-License-Identifier: Apache-2.0
//
// RDMSR and WRMSR of the guest's kernel: an explicit list, and #GP for the rest.

import GuestKit

/// msr: registers that are there, registers that are not, writes that are ignored or refused.
func modelSpecific() -> Guest {
  Guest("msr", "known MSRs are emulated, unknown ones fault, in kernel mode") { () throws(Failure) in
    func read(_ register: UInt64) -> Attempt { attempt([0x0f, 0x32], rcx: register) }
    func write(_ register: UInt64, _ value: UInt64) -> Attempt {
      attempt([0x0f, 0x30], rax: value & 0xffff_ffff, rcx: register, rdx: value >> 32)
    }
    let features = read(0xc000_0080)
    try expectNoFault("rdmsr EFER", features)
    try expect("EFER: long mode active, enabled, syscall", features.registers.rax & 0x501, 0x501)
    try expectFault("rdmsr of an unknown register", read(0x1234_5678), Vector.generalProtection)
    try expectFault("wrmsr of an unknown register", write(0x1234_5678, 0), Vector.generalProtection)
    try expectNoFault("rdmsr APIC_BASE", read(0x1b))
    try expectNoFault("rdmsr MISC_ENABLE", read(0x1a0))
    try expectNoFault("rdmsr PAT", read(0x277))
    try expectNoFault("rdmsr MCG_CAP", read(0x179))
    for register: UInt64 in [
      0x10, 0x17, 0x1b, 0x3a, 0x8b, 0xce, 0x140, 0x174, 0x179, 0x198, 0x1a0, 0x1d9, 0x277, 0x2ff,
      0x400, 0x606, 0xc000_0081, 0xc000_0082, 0xc000_0084, 0xc000_0102, 0xc000_0103, 0xc001_0010, 0xc001_0015,
    ] {
      let result = read(register)
      Console.put("  rdmsr ")
      Console.put(hex: register)
      if let fault = result.fault {
        try expect("an MSR reads or is #GP", fault.vector, Vector.generalProtection)
        Console.line(" faults")
      } else {
        Console.line(" =", result.registers.rax & 0xffff_ffff | result.registers.rdx << 32)
      }
    }
    // The hypervisor's own entry points are not the guest's to change.
    let before = read(0xc000_0082)
    let changed = write(0xc000_0082, 0x1234)
    note("wrmsr LSTAR faulted", changed.fault == nil ? 0 : 1)
    let after = read(0xc000_0082)
    try expect("LSTAR reads as before", after.registers.rax, before.registers.rax)
    try expect("hypercalls still work", hypercall(17, 0), 4 << 16 | 17)
  }
}

/// msr-relaxed: with `dom0=msr-relaxed` (XEN_X86_MSR_RELAXED) registers that nobody knows read as zero and ignore writes.
func relaxedModelSpecific() -> Guest {
  Guest("msr-relaxed", "unknown MSRs read as zero for a domain that may be relaxed") { () throws(Failure) in
    let unknown: UInt64 = 0x1234_5678
    try expectNoFault("wrmsr of an unknown register", attempt([0x0f, 0x30], rax: 7, rcx: unknown, rdx: 7))
    let read = attempt([0x0f, 0x32], rax: 7, rcx: unknown, rdx: 7)
    try expectNoFault("rdmsr of an unknown register", read)
    try expect("what it reads", read.registers.rdx << 32 | read.registers.rax, 0)
    // What has rules of its own keeps them: EFER does not change.
    let features = attempt([0x0f, 0x32], rcx: 0xc000_0080)
    try expect("EFER: long mode active, enabled, syscall", features.registers.rax & 0x501, 0x501)
  }
}
