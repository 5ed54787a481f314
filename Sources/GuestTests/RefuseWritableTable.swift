// SPDX-License-Identifier: Apache-2.0
//
// The rule that everything rests on: no page is a page table and writable at once, from whichever side it is tried.

import CGuestKit
import GuestKit

/// refuse-writable-table: a live table mapped writable, and a writable page made a table.
func refuseWritableTable() -> Guest {
  Guest("refuse-writable-table", "no page is both a page table and writable") { () throws(Failure) in
    let writable = PageEntry.present | PageEntry.writable
    let window = Pages.take()
    for level in UInt64(1)...4 {
      let table = EntryPlace.find(window, level: level).table
      let entry = Frames.machine(table) << 12 | writable
      try expect("update_va_mapping to a live table", MMU.map(window, entry), ErrorCode.busy)
      try expect("mmu_update to a live table", MMU.update(EntryPlace.find(window), entry), ErrorCode.busy)
      try expect("read-only mapping of it", MMU.map(window, entry & ~PageEntry.writable), 0)
      // A write to an L1 is emulated (see pt-write-emulation), on Martlet to an L2 as well; to the upper levels it is the
      // guest's own page fault.
      if level > 2 { try expectFault("write to it", attemptStore(window + 4088, 0), Vector.pageFault, error: 3) }
    }
    let page = Pages.take()
    try expect("pin of a writable page", MMU.extended(MMUEXT_PIN_L1_TABLE, Frames.machine(page)), ErrorCode.invalid)
    try expect("pin as L4", MMU.extended(MMUEXT_PIN_L4_TABLE, Frames.machine(page)), ErrorCode.invalid)
    try expect("new base pointer to it", MMU.extended(MMUEXT_NEW_BASEPTR, Frames.machine(page)), ErrorCode.invalid)

    // An L1 that maps itself writable.
    let loop = Pages.take()
    Memory.store64(loop, Frames.machine(loop) << 12 | writable)
    MMU.protect(loop)
    try expect("an L1 mapping itself", MMU.extended(MMUEXT_PIN_L1_TABLE, Frames.machine(loop)), ErrorCode.busy)
    try expect("is writable after the refusal", MMU.unprotect(loop), 0)
  }
}
