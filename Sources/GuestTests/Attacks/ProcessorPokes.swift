// SPDX-License-Identifier: Apache-2.0
//
// The processor's own registers: model-specific ones, ports, control and debug registers, extended state.

import CGuestKit
import GuestKit

private func readMSR(_ register: UInt64) -> Attempt { attempt([0x0f, 0x32], rcx: register) }
private func writeMSR(_ register: UInt64, _ value: UInt64) -> Attempt {
  attempt([0x0f, 0x30], rax: value & 0xffff_ffff, rcx: register, rdx: value >> 32)
}

/// attack-msr: all register numbers in the architecture's ranges read and written with hostile values.
func modelSpecificPokes() -> Guest {
  attack("attack-msr", "no MSR that matters takes a guest's value") { () throws(Failure) in
    for base: UInt64 in [
      0, 0x100, 0x200, 0x3f0, 0x600, 0x800, 0xc00, 0xd80, 0x4000_0000, 0xc000_0080, 0xc000_0100, 0xc001_0000,
    ] {
      for offset in UInt64(0)..<128 {
        let register = base + offset
        // The bases of FS and GS are the guest's; a value of its own there would end this attack in its own fault.
        if register >= 0xc000_0100 && register <= 0xc000_0102 { continue }
        let before = readMSR(register)
        if let fault = before.fault { try expect("a refusal is #GP", fault.vector, Vector.generalProtection) }
        for value in [~0, 0, 0xffff_8300_0000_0000, Victim.frame << 12] {
          if let fault = writeMSR(register, value).fault {
            try expect("a refusal is #GP", fault.vector, Vector.generalProtection)
          }
        }
        // EFER, STAR, LSTAR, SYSENTER, APIC base: as they were.
        if [0xc000_0080, 0xc000_0081, 0xc000_0082, 0xc000_0084, 0x174, 0x175, 0x176, 0x1b, 0x277].contains(register),
          before.fault == nil
        {
          let after = readMSR(register)
          if after.registers.rax != before.registers.rax { breach("an MSR took it", register) }
        }
      }
    }
    for value in hostileWords {
      _ = readMSR(value)
      _ = writeMSR(value & 0xffff_ffff, value)
      for register: UInt64 in [0xc000_0100, 0xc000_0102] { _ = writeMSR(register, value) }
    }
    _ = writeMSR(0xc000_0100, 0)
    try expect("hypercalls still work", hypercall(__HYPERVISOR_xen_version, 0), 4 << 16 | 17)
  }
}

/// attack-ports: every port, in every width, with and without I/O privilege, by kernel and user.
func portPokes() -> Guest {
  attack("attack-ports", "no port can be read or written, and no reset button pressed") { () throws(Failure) in
    let forms: [[UInt8]] = [[0xec], [0x66, 0xed], [0xed], [0xee], [0x66, 0xef], [0xef]]
    let buffer = Pages.take()
    for level: UInt32 in [0, 1, 3] {
      var request = physdev_set_iopl(iopl: level)
      _ = hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &request)
      for port: UInt64 in [
        0x20, 0x21, 0x40, 0x43, 0x60, 0x64, 0x92, 0xa0, 0xa1, 0xb2, 0x3f8, 0x4d0, 0xcf8, 0xcf9, 0xcfc, 0x600, 0xffff,
      ] {
        for form in forms {
          // Reads may give all ones; writes may be dropped. The machine must not be reset by 0x64, 0x92, 0xcf9.
          _ = attempt(form, rax: port == 0x64 ? 0xfe : 6, rdx: port)
        }
        _ = attempt([0xf3, 0x6c], rcx: 4, rdx: port, rdi: buffer)
        _ = attempt([0xf3, 0x6e], rcx: 4, rdx: port, rsi: 0xffff_8300_0000_0000)
      }
      if level == 3 {
        let space = UserSpace([0xb0, 0x06, 0x66, 0xba, 0xf9, 0x0c, 0xee, 0x0f, 0x05])
        try require("a user program's output to the reset port", space.run().vector != 0)
      }
    }
    // Bitmaps that are all open, in hostile places, of every length.
    let open = Pages.take(2)
    for pointer in [open] + hostileWords {
      for count: UInt64 in [65536, 65535, 1, 0, ~0] {
        let bitmap = Request(words: [pointer, count])
        _ = bitmap.call(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap)
        _ = attempt([0xee], rax: 6, rdx: 0xcf9)
        _ = attempt([0xee], rax: 6, rdx: 0xffff)
      }
    }
  }
}

/// attack-control-registers: moves to CR0 to CR8, LGDT and its like, HLT, INVD, WBINVD, XSETBV, VMXON.
func controlPokes() -> Guest {
  attack("attack-control-registers", "privileged instructions change nothing that is not the guest's") {
    () throws(Failure) in
    let operand = Pages.take()
    Memory.fill(operand, words: 16, with: 0xffff_8300_0000_ffff)
    for value in hostileWords {
      // mov crN, rax: CR0, CR2, CR4, CR8 (CR3 would be ours to load, and is refused unless it is a table of ours).
      for code: [UInt8] in [[0x0f, 0x22, 0xc0], [0x0f, 0x22, 0xd0], [0x0f, 0x22, 0xe0], [0x44, 0x0f, 0x22, 0xc0]] {
        _ = attempt(code, rax: value)
      }
      let frame = value & ~0xfff
      if attempt([0x0f, 0x22, 0xd8], rax: frame).fault == nil && frame != 0 { breach("CR3 was loaded", value) }
      _ = attempt([0x0f, 0x01, 0xd1], rax: value, rcx: 0, rdx: value >> 32)
      _ = attempt([0x0f, 0x01, 0xd1], rax: value, rcx: value, rdx: 0)
      _ = attempt([0x0f, 0x01, 0xf0], rax: value)
    }
    let codes: [[UInt8]] = [
      [0x0f, 0x01, 0x17], [0x0f, 0x01, 0x1f], [0x0f, 0x00, 0x17], [0x0f, 0x00, 0x1f], [0x0f, 0x01, 0x3f], [0x0f, 0x08],
      [0x0f, 0x09], [0x0f, 0x01, 0xc1], [0x0f, 0x01, 0xd9], [0xf3, 0x0f, 0xc7, 0x37], [0x0f, 0x01, 0xca],
      [0x0f, 0x01, 0xcb],
      [0x0f, 0x01, 0xd0], [0x0f, 0x06], [0x0f, 0x33], [0x0f, 0x07], [0x0f, 0x35], [0x0f, 0x01, 0xf8], [0x0f, 0xaa],
      [0x0f, 0x01, 0xef], [0x0f, 0x32], [0xfa],
    ]
    for code in codes { _ = attempt(code, rax: 0x10, rcx: 0x1234_5678, rdi: operand) }
    _ = attempt([0xfb])
    // SYSENTER forgets where it came from, so a kernel that does it is lost; a program that does it is not the kernel.
    if UserSpace([0x0f, 0x34]).run().cs & 3 == 0 { breach("SYSENTER made a program the kernel") }
    hypercall(__HYPERVISOR_fpu_taskswitch, 0)
    try expect("hypercalls still work", hypercall(__HYPERVISOR_xen_version, 0), 4 << 16 | 17)
  }
}

/// attack-debug-registers: watchpoints on the hypervisor, general detect, single steps through entries.
func debugPokes() -> Guest {
  attack("attack-debug-registers", "no watchpoint reaches the hypervisor, no single step goes on in it") {
    () throws(Failure) in
    func set(_ register: UInt64, _ value: UInt64) -> Int { hypercall(__HYPERVISOR_set_debugreg, register, value) }
    for value in hostileWords {
      for register in UInt64(0)..<4 {
        let result = set(register, value)
        if result == 0 && value >= 0xffff_8000_0000_0000 && value < 0xffff_8800_0000_0000 {
          breach("a watchpoint in the hypervisor", value)
        }
      }
      for register in UInt64(4)..<12 where register != 7 { _ = set(register, value) }
      // All four on, all lengths and kinds that the value says.
      _ = set(7, value)
      _ = attempt([0x0f, 0x23, 0xf8], rax: value)
      _ = attempt([0x0f, 0x23, 0xc0], rax: value)
      _ = attempt([0x90])
      _ = set(7, 0x400)
      for register in hostileWords { _ = hypercall(__HYPERVISOR_get_debugreg, register) }
    }
    // A data watchpoint on the stack that the bounce frame is written to, and on hypercall arguments.
    let argument = Pages.take()
    trapHandler = { frame in frame.vector == Vector.debug }
    _ = set(0, argument)
    _ = set(1, gk_rsp() & ~7)
    _ = set(2, SharedInfo.address)
    _ = set(7, 0x00bb_0b15)
    _ = attempt([0x0f, 0x05], rax: 17, rsi: argument, rdi: UInt64(XENVER_compile_info))
    // popf with TF, then syscall: single step over the entry. And MOV SS before it.
    _ = attempt([0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d, 0x0f, 0x05, 0x90], rax: 17)
    _ = attempt([0x8c, 0xd0, 0x8e, 0xd0, 0x0f, 0x05], rax: 17)
    _ = attempt([0x8c, 0xd0, 0x8e, 0xd0, 0xcd, 0x03], rax: 17)
    _ = attempt([0x8c, 0xd0, 0x8e, 0xd0, 0xcc], rax: 17)
    _ = set(7, 0x400)
    trapHandler = nil
    try expect("hypercalls still work", hypercall(__HYPERVISOR_xen_version, 0), 4 << 16 | 17)
  }
}

/// attack-vector-state: control words, XCR0 and state images that no honest kernel has, over switches of vCPU.
func vectorStatePokes() -> Guest {
  attack("attack-vector-state", "bad extended state is the guest's own fault") { () throws(Failure) in
    let area = Pages.take(2)
    for value in hostileWords {
      Memory.fill(area, words: 104, with: value)
      _ = attempt([0x0f, 0xae, 0x0f], rdi: area)  // fxrstor
      _ = attempt([0x0f, 0xae, 0x2f], rax: ~0, rdx: ~0, rdi: area)  // xrstor
      _ = attempt([0x0f, 0xae, 0x2f], rax: ~0, rdx: ~0, rdi: area + 1)
      _ = attempt([0x0f, 0xae, 0x17], rdi: area)  // ldmxcsr
      _ = attempt([0x0f, 0xae, 0x27], rax: ~0, rdx: ~0, rdi: area)  // xsave
      _ = attempt([0x0f, 0xc7, 0x1f], rax: ~0, rdx: ~0, rdi: area)  // xrstors
      _ = attempt([0x0f, 0xc7, 0x2f], rax: ~0, rdx: ~0, rdi: area)  // xsaves
      _ = attempt([0x0f, 0x01, 0xd1], rax: value, rcx: 0, rdx: 0)  // xsetbv
      hypercall(__HYPERVISOR_fpu_taskswitch, value & 1)
      _ = attempt([0xdb, 0xe3])  // fninit
      _ = attempt([0xd9, 0xf7])
      hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield))
    }
    hypercall(__HYPERVISOR_fpu_taskswitch, 0)
    _ = attempt([0x0f, 0x01, 0xd1], rax: 7)
    gk_set_vector0(7)
    try expect("vectors work", gk_get_vector0(), 7)
  }
}
