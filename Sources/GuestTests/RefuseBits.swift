// SPDX-License-Identifier: Apache-2.0
//
// Entries with bits that their level does not have.

import CGuestKit
import GuestKit

/// refuse-bits: large pages and reserved bits, in live tables and in tables about to be pinned.
func refuseBits() -> Guest {
  Guest("refuse-bits", "large pages and reserved bits in entries are refused") { () throws(Failure) in
    let tables = LowTables()
    tables.pin()
    let lower: [UInt64] = [tables.l1, tables.l2, tables.l3]
    let upper: [UInt64] = [tables.l2, tables.l3, tables.l4]
    for level in 0..<3 {
      let place = EntryPlace(table: upper[level], index: 8)
      let good = Frames.machine(lower[level]) << 12 | PageEntry.table
      try expect("the entry without the bit", MMU.update(place, good), 0)
      try expect("clearing it", MMU.update(place, 0), 0)
      try expect("large page", MMU.update(place, good | PageEntry.large), ErrorCode.invalid)
      try require("nothing was written", place.value == 0)
    }
    let large = LowTables()
    Memory.store64(large.l2 + 8, Frames.machine(large.l1) << 12 | PageEntry.table | PageEntry.large)
    large.protect()
    try expect("pin with a large page", MMU.extended(MMUEXT_PIN_L4_TABLE, Frames.machine(large.l4)), ErrorCode.invalid)
    // An entry that is not present may hold anything.
    try expect("an absent entry", MMU.update(tables.place(0x40_0000), 0xfff_ffff_ffff_fffe), 0)
    try expect("reads back", tables.place(0x40_0000).value, 0xfff_ffff_ffff_fffe)
  }
}
