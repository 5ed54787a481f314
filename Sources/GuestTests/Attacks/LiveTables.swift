// SPDX-License-Identifier: Apache-2.0
//
// Page tables that somebody can write are the end of isolation. So: writing live ones through every mapping there is, and
// getting a writable mapping by doing things in another order.

import CGuestKit
import GuestKit

/// Entries that must never come to be.
private func hostileEntries() -> [UInt64] {
  var entries: [UInt64] = []
  for frame in foreignFrames() { entries.append(frame << 12 | PageEntry.table) }
  let own = Frames.machine(Pages.take()) << 12
  entries += [
    own | 0x67 | 1 << 51, own | 7 | PageEntry.large, ~0, Frames.machine(StartInfo.pageTableBase) << 12 | 0x67,
  ]
  return entries
}

/// Whether a frame is the caller's own, by the two tables that say so.
private func isOwn(_ frame: UInt64) -> Bool {
  let last = hypercall(__HYPERVISOR_memory_op, UInt64(XENMEM_maximum_ram_page))
  guard last > 0, frame <= UInt64(last) else { return false }
  let page = Frames.page(machine: frame)
  return page < StartInfo.pageCount && Frames.machine(page: page) == frame
}

/// Whether a frame is one of the tables that this domain began with.
private func isFirstTable(_ frame: UInt64) -> Bool {
  let page = Frames.page(machine: frame) &- Frames.page(StartInfo.pageTableBase)
  return page < StartInfo.pageTableFrames
}

/// Breaks off if an entry shows what is not the caller's, or one of its live tables writable.
private func inspect(_ entry: UInt64, level: UInt64) {
  guard entry & PageEntry.present != 0 else { return }
  let frame = PageEntry.frame(entry)
  if !isOwn(frame) { breach("an entry leads to a frame of somebody else", entry) }
  if level == 1 && entry & PageEntry.writable != 0 && isFirstTable(frame) {
    breach("a live table is writable", entry)
  }
  if level > 1 && entry & PageEntry.large != 0 { breach("a superpage", entry) }
}

/// Halves, bytes and locked ones: what an emulator might do in two steps.
private func storeParts(_ place: EntryPlace, _ entry: UInt64, over before: UInt64) {
  _ = attempt([0x88, 0x07], rax: entry, rdi: place.address)
  _ = attempt([0x66, 0x89, 0x07], rax: entry, rdi: place.address + 2)
  _ = attempt([0x89, 0x07], rax: entry, rdi: place.address + 4)
  _ = attempt([0xf0, 0x48, 0x0f, 0xb1, 0x0f], rax: before, rcx: entry, rdi: place.address)
  _ = attempt([0x48, 0x87, 0x07], rax: entry, rdi: place.address)
  _ = attempt([0x48, 0x89, 0x07], rax: entry, rdi: place.address + 5)
}

/// attack-live-tables: stores to live tables of each level, through the initial mapping and a linear one.
func liveTables() -> Guest {
  attack("attack-live-tables", "stores to live page tables of every level put nothing hostile there") {
    () throws(Failure) in
    hypercall(__HYPERVISOR_vm_assist, UInt64(VMASST_CMD_enable), UInt64(VMASST_TYPE_writable_pagetables))
    let window = Pages.take()
    // An own L4 in slot 5 shows all tables at an address made of 5s.
    let slot: UInt64 = 5
    let own = Frames.machine(StartInfo.pageTableBase) << 12
    let selfReference = MMU.update(EntryPlace(table: StartInfo.pageTableBase, index: slot), own | PageEntry.present)
    // A tree of its own for the stores of parts: what a part makes of an entry can be a frame that the domain has and may use,
    // and the domain stands on the tables that it began with.
    let tables = LowTables()
    tables.protect()
    let low = EntryPlace(table: StartInfo.pageTableBase, index: 0)
    try expect("a tree in slot 0", MMU.update(low, Frames.machine(tables.l3) << 12 | PageEntry.table), 0)
    let page = Frames.machine(Pages.take()) << 12 | PageEntry.table
    try expect("a page in it", MMU.update(tables.place(tables.base), page), 0)
    let parts = [
      tables.place(tables.base), EntryPlace(table: tables.l2, index: tables.base >> 21 & 511),
      EntryPlace(table: tables.l3, index: 0), low,
    ]
    for entry in hostileEntries() {
      for level in UInt64(1)...4 {
        let place = EntryPlace.find(window, level: level)
        let before = place.value
        let stored = attemptStore(place.address, entry)
        if place.value & ~0x60 != before & ~0x60 { breach("a live table took it", entry) }
        try require("the store faults or is left out", stored.fault != nil || level == 1)
        let part = parts[Int(level) - 1]
        let whole = part.value
        storeParts(part, entry, over: whole)
        inspect(part.value, level: level)
        inspect(EntryPlace(table: part.table, index: part.index + 1).value, level: level)
        // Levels 3 and 4 are stored to by nobody but the hypervisor.
        if level > 2 && part.value & ~0x60 != whole & ~0x60 { breach("an upper entry took a part", part.value) }
        try expect("the entry is put right", MMU.update(part, whole), 0)
      }
      if selfReference == 0 {
        let linear = slot << 39 | slot << 30 | slot << 21 | slot << 12
        try require("a store through the linear window faults", attemptStore(linear + 8 * 9, entry).fault != nil)
      }
    }
    try expectNoFault("the window is as it was", attemptStore(window, 1))
    try expectNoFault("and the tree of its own", attemptStore(tables.base, 1))
  }
}

/// attack-table-order: writable mapping and table, in each order, in one batch, by two levels at once.
func tableOrder() -> Guest {
  attack("attack-table-order", "no order of operations makes a page both a table and writable") { () throws(Failure) in
    let page = Pages.take()
    let frame = Frames.machine(page)
    let other = Pages.take()
    let place = EntryPlace.find(other).machineAddress
    for level in [MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE] {
      refused("pinned while writable", MMU.extended(level, frame), UInt64(level))
      MMU.protect(page)
      try expect("pinned while read-only", MMU.extended(level, frame), 0)
      refused("mapped writable while pinned", MMU.map(page, frame << 12 | 3))
      refused("mapped writable elsewhere", MMU.update(place, frame << 12 | 3))
      refused("mapped writable in the other's name", MMU.update(place, frame << 12 | 3, domain: ioDomain))
      // As a table of another level, and twice.
      for second in [MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE] {
        refused("pinned again", MMU.extended(second, frame), UInt64(second))
      }
      try expect("unpinned", MMU.extended(MMUEXT_UNPIN_TABLE, frame), 0)
      refused("unpinned again", MMU.extended(MMUEXT_UNPIN_TABLE, frame))
      try expect("writable again", MMU.unprotect(page), 0)
    }
    // Unpin and map writable in one batch, while an entry still leads there.
    let tables = LowTables()
    tables.pin()
    let l1 = Frames.machine(tables.l1)
    let batch = MMU.update([
      mmu_update(ptr: EntryPlace(table: tables.l2, index: 2).machineAddress, val: 0),
      mmu_update(ptr: place, val: l1 << 12 | 3),
      mmu_update(ptr: EntryPlace(table: tables.l2, index: 2).machineAddress, val: l1 << 12 | PageEntry.table),
    ])
    let linked = EntryPlace(table: tables.l2, index: 2).value & 1 != 0
    let writable = EntryPlace.find(other).value & 2 != 0 && PageEntry.frame(EntryPlace.find(other).value) == l1
    if linked && writable { breach("a linked table is writable", UInt64(batch.done)) }
    // A table that maps itself writable, and one whose subtree holds it.
    let cyclic = LowTables()
    cyclic.set(0x40_0000, Frames.machine(cyclic.l1) << 12 | 7)
    cyclic.protect()
    refused("a table that maps itself writable", MMU.extended(MMUEXT_PIN_L4_TABLE, Frames.machine(cyclic.l4)))
    refused("the L1 alone", MMU.extended(MMUEXT_PIN_L1_TABLE, Frames.machine(cyclic.l1)))
    let upper = LowTables()
    upper.set(0x40_0000, Frames.machine(upper.l4) << 12 | 7)
    upper.protect()
    refused("a table below that maps the top writable", MMU.extended(MMUEXT_PIN_L4_TABLE, Frames.machine(upper.l4)))
    _ = MMU.extended(MMUEXT_PIN_L1_TABLE, Frames.machine(upper.l1))
    refused("and then the top", MMU.extended(MMUEXT_PIN_L4_TABLE, Frames.machine(upper.l4)))
  }
}

/// attack-mixed-levels: one frame as two levels of the same tree, recursive and shared tables.
func mixedLevels() -> Guest {
  attack("attack-mixed-levels", "a frame is not two levels at once, however the tree is knotted") {
    () throws(Failure) in
    // L4 -> L3 -> L3 as L2 -> ...
    let knot = Pages.take()
    let frame = Frames.machine(knot)
    for index in UInt64(0)..<16 { Memory.store64(knot + index * 8, frame << 12 | PageEntry.table) }
    MMU.protect(knot)
    for level in [MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE] {
      refused("a frame that is its own subtree", MMU.extended(level, frame), UInt64(level))
    }
    refused("as the base pointer", MMU.extended(MMUEXT_NEW_BASEPTR, frame))
    let tables = LowTables()
    Memory.store64(tables.l3 + 8, Frames.machine(tables.l3) << 12 | PageEntry.table)
    Memory.store64(tables.l2 + 24, Frames.machine(tables.l4) << 12 | PageEntry.table)
    tables.protect()
    refused("a tree with a loop", MMU.extended(MMUEXT_PIN_L4_TABLE, Frames.machine(tables.l4)))
    // Two trees that share all their tables, each torn down under the other.
    let shared = LowTables()
    let second = Pages.take()
    Memory.store64(second, Memory.load64(shared.l4))
    MMU.protect(second)
    shared.pin()
    try expect("the second top", MMU.extended(MMUEXT_PIN_L4_TABLE, Frames.machine(second)), 0)
    try expect("the first goes", MMU.extended(MMUEXT_UNPIN_TABLE, Frames.machine(shared.l4)), 0)
    refused("its tables are still tables", MMU.unprotect(shared.l1))
    try expect("the second goes", MMU.extended(MMUEXT_UNPIN_TABLE, Frames.machine(second)), 0)
    try expect("now they are not", MMU.unprotect(shared.l1), 0)
  }
}
