// SPDX-License-Identifier: Apache-2.0
//
// Kernels write live L1 tables directly; the hypervisor emulates each write with the checks of mmu_update.

import CGuestKit
import GuestKit

/// pt-write-emulation: mov, xchg, cmpxchg, btr, and, or on a live L1 entry; a bad value is a page fault.
func writablePageTables() -> Guest {
  Guest("pt-write-emulation", "direct writes of a live L1 entry are emulated and checked") { () throws(Failure) in
    let enable = hypercall(__HYPERVISOR_vm_assist, UInt64(VMASST_CMD_enable), UInt64(VMASST_TYPE_writable_pagetables))
    try expect("vm_assist writable_pagetables", enable, 0)
    let window = Pages.take()
    let place = EntryPlace.find(window)
    let first = Frames.machine(Pages.take()) << 12 | PageEntry.table
    let second = Frames.machine(Pages.take()) << 12 | PageEntry.table
    try expect("map", MMU.map(window, first), 0)

    try expectNoFault("mov [rdi], rax", attemptStore(place.address, second))
    try expect("after mov", PageEntry.frame(place.value), PageEntry.frame(second))

    let exchange = attempt([0x48, 0x87, 0x07], rax: first, rdi: place.address)
    try expectNoFault("xchg [rdi], rax", exchange)
    try expect("old value", PageEntry.frame(exchange.registers.rax), PageEntry.frame(second))
    try expect("after xchg", PageEntry.frame(place.value), PageEntry.frame(first))

    let before = place.value
    let swap = attempt([0xf0, 0x48, 0x0f, 0xb1, 0x0f], rax: before, rcx: second, rdi: place.address)
    try expectNoFault("lock cmpxchg [rdi], rcx", swap)
    try require("it says it swapped", swap.registers.rflags & 0x40 != 0)
    try expect("after cmpxchg", PageEntry.frame(place.value), PageEntry.frame(second))
    let stale = attempt([0xf0, 0x48, 0x0f, 0xb1, 0x0f], rax: 0x1234, rcx: first, rdi: place.address)
    try expectNoFault("lock cmpxchg with a stale value", stale)
    try require("it says it did not", stale.registers.rflags & 0x40 == 0)
    try expect("it returns the value", stale.registers.rax, place.value)
    try expect("nothing changed", PageEntry.frame(place.value), PageEntry.frame(second))

    // lock btr qword [rdi], 1: take write access away; the carry is the old bit.
    let reset = attempt([0xf0, 0x48, 0x0f, 0xba, 0x37, 0x01], rdi: place.address)
    try expectNoFault("lock btr [rdi], 1", reset)
    try require("carry", reset.registers.rflags & 1 == 1)
    try expect("after btr", place.value & PageEntry.writable, 0)
    // lock or / lock and with a register
    try expectNoFault("lock or [rdi], rax", attempt([0xf0, 0x48, 0x09, 0x07], rax: 2, rdi: place.address))
    try expect("after or", place.value & PageEntry.writable, 2)
    try expectNoFault("lock and [rdi], rax", attempt([0xf0, 0x48, 0x21, 0x07], rax: ~2, rdi: place.address))
    try expect("after and", place.value & PageEntry.writable, 0)
    // mov dword: half of the entry
    try expectNoFault(
      "mov [rdi], eax", attempt([0x89, 0x07], rax: first & 0xffff_ffff, rdi: place.address))
    try expect("after the half write", place.value & 0xffff_f002, first & 0xffff_f002)
    try expectNoFault("clear", attemptStore(place.address, 0))
    try expect("after the clear", place.value, 0)

    // The same checks as mmu_update: a page table may not become writable.
    let forbidden = Frames.machine(place.table) << 12 | PageEntry.table
    try expectFault("a forbidden value", attemptStore(place.address, forbidden), Vector.pageFault, error: 3)
    try expect("nothing was written", place.value, 0)
    // L2 tables are emulated on Martlet, on Xen they are not: what counts is that nothing forbidden is ever written.
    let directory = EntryPlace.find(window, level: 2)
    let untouched = directory.value
    try expectFault(
      "a forbidden value in an L2", attemptStore(directory.address, forbidden | PageEntry.large), Vector.pageFault,
      error: 3)
    try expect("nothing was written to the L2", directory.value, untouched)
    // L3 tables are nowhere.
    let upper = EntryPlace.find(window, level: 3)
    try expectFault("write of an L3 entry", attemptStore(upper.address, upper.value), Vector.pageFault, error: 3)
  }
}
