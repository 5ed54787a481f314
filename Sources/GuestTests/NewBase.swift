// SPDX-License-Identifier: Apache-2.0
//
// MMUEXT_NEW_BASEPTR: another L4 becomes the kernel's address space.

import CGuestKit
import GuestKit

/// new-baseptr: the kernel moves to a copy of its L4 with one more mapping, and back.
func newBase() -> Guest {
  Guest("new-baseptr", "the kernel can move to another L4 and back") { () throws(Failure) in
    let data = Pages.take()
    Memory.store64(data, 0x1357_9bdf)
    let tables = LowTables(base: 0x40_0000)
    tables.set(0x40_0000, Frames.machine(data) << 12 | PageEntry.table)
    let live = StartInfo.pageTableBase
    Memory.store64(tables.l4 + 511 * 8, EntryPlace(table: live, index: 511).value)
    tables.pin()
    try expectFault("before", attemptLoad(0x40_0000), Vector.pageFault, error: 0)
    try expect("move", MMU.extended(MMUEXT_NEW_BASEPTR, Frames.machine(tables.l4)), 0)
    let seen = attemptLoad(0x40_0000)
    try expectNoFault("read in the new space", seen)
    try expect("value", seen.registers.rax, 0x1357_9bdf)
    // The table in use keeps its type even when unpinned.
    try expect("unpin while in use", MMU.extended(MMUEXT_UNPIN_TABLE, Frames.machine(tables.l4)), 0)
    try expect("still not writable", MMU.unprotect(tables.l4), ErrorCode.busy)
    try expect("move back", MMU.extended(MMUEXT_NEW_BASEPTR, Frames.machine(live)), 0)
    try expectFault("after", attemptLoad(0x40_0000), Vector.pageFault, error: 0)
    try expect("now writable", MMU.unprotect(tables.l4), 0)
    try require("base pointer to nothing", MMU.extended(MMUEXT_NEW_BASEPTR, ~0) < 0)
    try expect("no user base pointer", MMU.extended(MMUEXT_NEW_USER_BASEPTR, 0), 0)
  }
}
