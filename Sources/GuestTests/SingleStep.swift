// SPDX-License-Identifier: Apache-2.0
//
// Debug exceptions around what the hypervisor does for a guest: single step over emulated instructions, the resume flag, DR6.

import CGuestKit
import GuestKit

private func status() -> UInt32 { UInt32(truncatingIfNeeded: hypercall(__HYPERVISOR_get_debugreg, 6)) }
private func set(_ register: UInt64, _ value: UInt64) throws(Failure) {
  try expect("set_debugreg", hypercall(__HYPERVISOR_set_debugreg, register, value), 0)
}

/// single-step: TF over instructions that are emulated, and page tables that are written for the guest.
func singleStep() -> Guest {
  Guest("single-step", "the trap flag works over instructions that the hypervisor does for the guest") {
    () throws(Failure) in
    var level = physdev_set_iopl(iopl: 3)
    try expect("set_iopl", hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &level), 0)
    // The forced cpuid; nop
    let space = UserSpace([0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2, 0x90, 0x90, 0x0f, 0x05])
    func step(_ what: StaticString, to offset: UInt64) throws(Failure) {
      try set(6, 0)
      let fault = space.run()
      try expect(what, fault.vector, Vector.debug)
      try expect(what, fault.rip - UserSpace.code, offset)
      try expect("DR6", status(), 0xffff_4ff0)
    }
    space.registers.rflags = 0x302
    try step("over the forced cpuid", to: 7)
    try step("over nop", to: 8)

    // rep insb; nop
    Memory.store(space.codePage, bytes: [0xf3, 0x6c, 0x90, 0x0f, 0x05])
    space.reset()
    space.registers.rflags = 0x302
    (space.registers.rcx, space.registers.rdx, space.registers.rdi) = (2, 0x80, UserSpace.stack)
    try step("over the first of rep insb", to: 0)
    try expect("what is left", space.registers.rcx, 1)
    try step("over the second", to: 2)

    // in al, 0x80; nop: Xen 4.17 forgets this one and traps after the nop.
    Memory.store(space.codePage, bytes: [0xe4, 0x80, 0x90, 0x90, 0x0f, 0x05])
    space.reset()
    space.registers.rflags = 0x302
    try set(6, 0)
    let input = space.run()
    try expect("over in: vector", input.vector, Vector.debug)
    try require("over in", input.rip == UserSpace.code + 2 || input.rip == UserSpace.code + 3)
    note("over in, offset", Int(input.rip - UserSpace.code))

    let assist = hypercall(__HYPERVISOR_vm_assist, UInt64(VMASST_CMD_enable), UInt64(VMASST_TYPE_writable_pagetables))
    try expect("vm_assist", assist, 0)
    let place = EntryPlace.find(Pages.take())
    // pushfq; or dword [rsp], 0x100; popfq; mov [rdi], rax; nop
    let write = attempt(
      [0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d, 0x48, 0x89, 0x07, 0x90, 0x90], rax: place.value, rdi: place.address)
    try expectFault("over a page table write", write, Vector.debug, offset: 12)
  }
}

/// debug-resume: the resume flag in an iret frame, and what DR6 adds up.
func debugResume() -> Guest {
  Guest("debug-resume", "the resume flag leads past a breakpoint, and DR6 keeps what is not cleared") {
    () throws(Failure) in
    let space = UserSpace([0x90, 0x90, 0x90, 0x0f, 0x05])
    try set(6, 0)
    try set(0, UserSpace.code)
    for inSystemCall in [false, true] {
      try set(7, 0x401)
      space.reset()
      let hit = space.run(inSystemCall: inSystemCall)
      try expect("breakpoint: vector", hit.vector, Vector.debug)
      try expect("breakpoint: rip", hit.rip, UserSpace.code)
      try expect("breakpoint: RF", hit.rflags >> 16 & 1, 0)
      try expect("DR6", status(), 0xffff_0ff1)
      try set(6, 0)
      space.registers.rflags |= 1 << 16
      try expect("past it by RF", space.run(inSystemCall: inSystemCall).vector, Vector.syscall)
    }
    space.reset()
    try expect("breakpoint: vector", space.run().vector, Vector.debug)
    try set(7, 0x400)
    space.registers.rflags = 0x302
    try expect("step: vector", space.run().vector, Vector.debug)
    try expect("DR6 has both", status(), 0xffff_4ff1)
  }
}
