// SPDX-License-Identifier: Apache-2.0
//
// A stale translation must not outlive a change of type: a page that becomes a page table, and a page that is given
// back, are no longer writable through a TLB entry that nobody flushed.

import CGuestKit
import GuestKit

/// type-change-flush: remove a writable mapping without asking for a flush, then make the page a table.
func typeChangeFlush() -> Guest {
  Guest("type-change-flush", "no stale writable translation survives a page becoming a table") { () throws(Failure) in
    let place = EntryPlace.find(Pages.take())
    for round in 0..<8 {
      let window = Pages.take()
      let page = Pages.take()
      let frame = Frames.machine(page)
      _ = place
      try expect("map writable", MMU.map(window, frame << 12 | 3), 0)
      Memory.store64(window, 0)
      // The pool's own mapping goes read-only and the window goes away, neither with a flush.
      try expect("window away", MMU.update(EntryPlace.find(window), 0), 0)
      try expect("pool read-only", MMU.map(page, frame << 12 | 1, Flush.none), 0)
      try expect("pin as L1", MMU.extended(MMUEXT_PIN_L1_TABLE, frame), 0)
      let stale = attemptStore(window, frame << 12 | PageEntry.table)
      try expect("write through the old window: vector", stale.fault?.vector ?? 0xff, Vector.pageFault)
      try expect("the table is untouched", Memory.load64(page), 0)
      if round == 0 { try expectNoFault("reading the table", attemptLoad(page)) }
      try expect("unpin", MMU.extended(MMUEXT_UNPIN_TABLE, frame), 0)
    }
  }
}
