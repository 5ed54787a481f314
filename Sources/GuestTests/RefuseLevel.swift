// SPDX-License-Identifier: Apache-2.0
//
// A frame has one type at a time: a table of one level cannot be used at another.

import CGuestKit
import GuestKit

/// refuse-level: wrong level by pin and by entry.
func refuseLevel() -> Guest {
  Guest("refuse-level", "a table of one level is refused at another") { () throws(Failure) in
    let tables = LowTables()
    tables.pin()
    let pages: [UInt64] = [tables.l1, tables.l2, tables.l3, tables.l4]
    let pins: [Int32] = [MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE]
    for held in 0..<4 {
      for asked in 0..<4 where asked != held {
        try expect("pin at another level", MMU.extended(pins[asked], Frames.machine(pages[held])), ErrorCode.invalid)
      }
    }
    // Entries of levels 2 to 4 naming tables that are not one level below (nor of their own level, which is linear).
    for upper in 1..<4 {
      for lower in 0..<4 where lower != upper - 1 && lower != upper {
        let place = EntryPlace(table: pages[upper], index: 9)
        let value = Frames.machine(pages[lower]) << 12 | PageEntry.table
        try expect("entry naming another level", MMU.update(place, value), ErrorCode.invalid)
        try expect("nothing was written", place.value, 0)
      }
    }
    try expect("base pointer to an L3", MMU.extended(MMUEXT_NEW_BASEPTR, Frames.machine(tables.l3)), ErrorCode.invalid)
    try expect(
      "user base to an L1", MMU.extended(MMUEXT_NEW_USER_BASEPTR, Frames.machine(tables.l1)), ErrorCode.invalid)
  }
}
