// SPDX-License-Identifier: Apache-2.0
//
// An L4 that refers to itself read-only is a window on all of its tables; writable or chained ones are refused.

import CGuestKit
import GuestKit

/// linear-l4: a self-reference works when read-only and is refused when writable or chained.
func linearTables() -> Guest {
  Guest("linear-l4", "a read-only self-reference of an L4 works, a writable or chained one is refused") {
    () throws(Failure) in
    let live = StartInfo.pageTableBase
    let slot: UInt64 = 5
    let place = EntryPlace(table: live, index: slot)
    let own = Frames.machine(live) << 12
    try expect("writable self-reference", MMU.update(place, own | PageEntry.table), ErrorCode.invalid)
    try expect("read-only self-reference", MMU.update(place, own | PageEntry.present), 0)
    // The L4 itself appears at (5, 5, 5, 5).
    let window = slot << 39 | slot << 30 | slot << 21 | slot << 12
    let seen = attemptLoad(window + 511 * 8)
    try expectNoFault("read through it", seen)
    try expect("the table seen through itself", seen.registers.rax, EntryPlace(table: live, index: 511).value)
    try expectFault("write through it", attemptStore(window + 511 * 8, 0), Vector.pageFault, error: 3)

    // Another L4 may be named by one that is not itself linear; chains and cycles of two are refused.
    let first = LowTables()
    let second = LowTables()
    first.pin()
    second.pin()
    let toSecond = Frames.machine(second.l4) << 12 | PageEntry.present
    let toFirst = Frames.machine(first.l4) << 12 | PageEntry.present
    try expect("one L4 in another", MMU.update(EntryPlace(table: first.l4, index: 6), toSecond), 0)
    try require("and the other in the one", MMU.update(EntryPlace(table: second.l4, index: 6), toFirst) < 0)
    try expect("take it out", MMU.update(EntryPlace(table: first.l4, index: 6), 0), 0)
    try expect("then the other way round", MMU.update(EntryPlace(table: second.l4, index: 6), toFirst), 0)
    try expect("take it out", MMU.update(EntryPlace(table: second.l4, index: 6), 0), 0)
    try expect("unpin", MMU.extended(MMUEXT_UNPIN_TABLE, Frames.machine(first.l4)), 0)
    try expect("writable again", MMU.unprotect(first.l4), 0)
  }
}
