// SPDX-License-Identifier: Apache-2.0
//
// Debug registers by hypercall and by instruction; a breakpoint fires; the hypervisor's addresses are refused.

import CGuestKit
import GuestKit

/// debug-registers: set and get, a write watchpoint in the guest, single step.
func debugRegisters() -> Guest {
  Guest("debug-registers", "debug registers work, a watchpoint fires, single step works") { () throws(Failure) in
    func set(_ register: UInt64, _ value: UInt64) -> Int { hypercall(__HYPERVISOR_set_debugreg, register, value) }
    func get(_ register: UInt64) -> Int { hypercall(__HYPERVISOR_get_debugreg, register) }
    let watched = Pages.take()
    try expect("set DR0", set(0, watched), 0)
    try expect("get DR0", UInt64(bitPattern: Int64(get(0))), watched)
    try require("set DR1 to the hypervisor's memory", set(1, 0xffff_8300_0000_0000) < 0)
    try require("set DR1 to a non-canonical address", set(1, 0x8000_0000_0000_0000) < 0)
    try require("set DR8", set(8, 0) < 0)
    try require("general detect is refused or kept off", set(7, 0x2400) < 0 || get(7) & 0x2000 == 0)
    // Local enable of DR0, 8 bytes, on writes.
    try expect("set DR7", set(7, 0x9_0402 | 0x1), 0)
    let hit = attemptStore(watched, 5)
    try expect("set DR7 to nothing", set(7, 0x400), 0)
    try expect("write to the watched word: vector", hit.fault?.vector ?? 0xff, Vector.debug)
    try expect("rip after the write", hit.faultOffset, 3)
    try expect("DR6 names DR0", get(6) & 1, 1)
    try expectNoFault("without it", attemptStore(watched, 6))
    let read = attempt([0x0f, 0x21, 0xc0])
    try expectNoFault("mov rax, dr0", read)
    try expect("its value", read.registers.rax, watched)
    try expectNoFault("mov dr0, rax", attempt([0x0f, 0x23, 0xc0], rax: watched + 8))
    try expect("get DR0", UInt64(bitPattern: Int64(get(0))), watched + 8)
    // The trap flag: a fault after the first instruction of the called code (nop; nop).
    let space = UserSpace([0x90, 0x90, 0x0f, 0x05])
    space.registers.rflags = 0x302
    let step = space.run()
    try expect("single step: vector", step.vector, Vector.debug)
    try expect("single step: rip", step.rip, UserSpace.code + 1)
  }
}
