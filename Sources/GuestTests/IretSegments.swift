// SPDX-License-Identifier: Apache-2.0
//
// An iret frame with segments that the CPU refuses: the guest sees the fault that it is, at the frame's own rip.

import CGuestKit
import GuestKit

/// iret-segments: segments that are absent, of the wrong kind, and in an LDT that is not there.
func iretSegments() -> Guest {
  Guest("iret-segments", "an iret to a segment that cannot be loaded is the fault that the CPU makes of it") {
    () throws(Failure) in
    let page = Pages.take()
    MMU.protect(page)
    let list = Request(words: [Frames.machine(page)])
    try expect("set_gdt", hypercall(__HYPERVISOR_set_gdt, list.address, 512), 0)
    // Code and data that are not present; both as they should be; data that cannot be written.
    let descriptors: [UInt64] = [
      0x00af_7b00_0000_ffff, 0x00cf_7300_0000_ffff, 0x00af_fb00_0000_ffff, 0x00cf_f300_0000_ffff, 0x00cf_f100_0000_ffff,
    ]
    for (index, descriptor) in descriptors.enumerated() {
      let place = Frames.machine(page) << 12 | UInt64(index + 1) * 8
      try expect("update_descriptor", hypercall(__HYPERVISOR_update_descriptor, place, descriptor), 0)
    }
    let space = UserSpace([0x0f, 0x05])
    let (code, stack) = (UInt64(FLAT_RING3_CS64), UInt64(FLAT_RING3_SS64))
    func refused(_ what: StaticString, cs: UInt64, ss: UInt64, _ vector: UInt64, _ error: UInt64) throws(Failure) {
      space.reset()
      space.registers.cs = cs
      space.registers.ss = ss
      let fault = space.run()
      try expect(what, fault.vector, vector)
      try expect(what, fault.error, error)
      try expect(what, fault.rip, UserSpace.code)
    }
    try refused("code that is not present", cs: 0x0b, ss: stack, Vector.segmentNotPresent, 8)
    // #SS by the architecture; QEMU 7.2 makes it #NP.
    space.reset()
    space.registers.ss = 0x13
    let absent = space.run()
    try require(
      "a stack that is not present", absent.vector == Vector.stackFault || absent.vector == Vector.segmentNotPresent)
    try expect("a stack that is not present", absent.error, 0x10)
    try refused("a stack that cannot be written", cs: code, ss: 0x2b, Vector.generalProtection, 0x28)
    try refused("data as code", cs: 0x23, ss: stack, Vector.generalProtection, 0x20)
    try refused("null as code", cs: 3, ss: stack, Vector.generalProtection, 0)
    try refused("null as stack", cs: code, ss: 3, Vector.generalProtection, 0)
    try refused("the hypervisor's code", cs: 0xe00b, ss: stack, Vector.generalProtection, 0xe008)
    try refused("beyond the table", cs: 0x2_000b & 0xffff | 0xf000, ss: stack, Vector.generalProtection, 0xf008)

    // An LDT whose page goes: a page fault, where the guest believes it to be.
    let table = Pages.take()
    Memory.store64(table + 8, 0x00af_fb00_0000_ffff)
    MMU.protect(table)
    try expect("set_ldt", MMU.extended(MMUEXT_SET_LDT, table, 512), 0)
    let machine = Frames.machine(table)
    try expect("the page goes", MMU.map(table, 0), 0)
    try refused("code in an LDT that is not there", cs: 0x0f, ss: stack, Vector.pageFault, 4)
    space.reset()
    space.registers.cs = 0x0f
    try expect("its address", space.run().address, table + 8)
    try expect("the page comes", MMU.map(table, machine << 12 | 1), 0)
    space.reset()
    space.registers.cs = 0x0f
    try expect("code in the LDT", space.run().vector, Vector.syscall)
    try expect("no LDT", MMU.extended(MMUEXT_SET_LDT, 0, 0), 0)

    // Own segments do; a system call leaves with the flat ones.
    space.reset()
    space.registers.cs = 0x1b
    space.registers.ss = 0x23
    try expect("own segments", space.run().vector, Vector.syscall)
  }
}
