// SPDX-License-Identifier: Apache-2.0
//
// Pinning gives a page the type of its level, unpinning gives it back.

import CGuestKit
import GuestKit

/// pin-unpin: each level by itself; a pinned table cannot be mapped writable, an unpinned one can.
func pinUnpin() -> Guest {
  Guest("pin-unpin", "tables of each level can be pinned and unpinned, once each") { () throws(Failure) in
    let tables = LowTables()
    let data = Pages.take()
    tables.set(0x40_0000, Frames.machine(data) << 12 | PageEntry.table)
    tables.protect()
    let levels: [(Int32, UInt64)] = [
      (MMUEXT_PIN_L1_TABLE, tables.l1), (MMUEXT_PIN_L2_TABLE, tables.l2), (MMUEXT_PIN_L3_TABLE, tables.l3),
      (MMUEXT_PIN_L4_TABLE, tables.l4),
    ]
    for (command, page) in levels {
      let frame = Frames.machine(page)
      try expect("unpin before pin", MMU.extended(MMUEXT_UNPIN_TABLE, frame), ErrorCode.invalid)
      try expect("pin", MMU.extended(command, frame), 0)
      try expect("pin again", MMU.extended(command, frame), ErrorCode.invalid)
      try expect("map it writable", MMU.unprotect(page), ErrorCode.busy)
      try expect("unpin", MMU.extended(MMUEXT_UNPIN_TABLE, frame), 0)
      try expect("unpin again", MMU.extended(MMUEXT_UNPIN_TABLE, frame), ErrorCode.invalid)
      try expect("map it writable after that", MMU.unprotect(page), 0)
      MMU.protect(page)
    }
    // As one tree: the pin of the top holds the type of all below it.
    try expect("pin the tree", MMU.extended(MMUEXT_PIN_L4_TABLE, Frames.machine(tables.l4)), 0)
    for (_, page) in levels { try expect("map a part writable", MMU.unprotect(page), ErrorCode.busy) }
    try expect("unpin the tree", MMU.extended(MMUEXT_UNPIN_TABLE, Frames.machine(tables.l4)), 0)
    for (_, page) in levels { try expect("map a former part writable", MMU.unprotect(page), 0) }
    Memory.store64(tables.l1, 0)
  }
}
