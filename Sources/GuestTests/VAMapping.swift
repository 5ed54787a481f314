// SPDX-License-Identifier: Apache-2.0
//
// update_va_mapping with each of its flush flags: what is read through the address afterwards is the new page.

import CGuestKit
import GuestKit

/// va-mapping: every flush type, by bitmap and by all; bad ones are refused.
func vaMapping() -> Guest {
  Guest("va-mapping", "update_va_mapping works with every flush flag, and the flush happens") { () throws(Failure) in
    let window = Pages.take()
    let pages: [UInt64] = [Pages.take(), Pages.take()]
    Memory.store64(pages[0], 0xaaaa)
    Memory.store64(pages[1], 0xbbbb)
    let bitmap = Pages.take()
    Memory.store64(bitmap, 1)
    // No flush leaves a stale translation at will; the calls after it flush.
    try expect("no flush", MMU.map(window, Frames.machine(pages[0]) << 12 | 3, Flush.none), 0)
    let flags: [UInt64] = [
      Flush.all, Flush.onePage, Flush.all | Flush.allVCPUs, Flush.onePage | Flush.allVCPUs, Flush.all | bitmap,
      Flush.onePage | bitmap,
    ]
    for round in flags.indices {
      let page = pages[round & 1]
      try expect("map", MMU.map(window, Frames.machine(page) << 12 | 3, flags[round]), 0)
      try expect("what is read", Memory.load64(window), Memory.load64(page))
      try require("the two pages differ", Memory.load64(pages[0]) != Memory.load64(pages[1]))
    }
    try expect("unmap", MMU.map(window, 0, Flush.onePage), 0)
    try expectFault("read of the unmapped page", attemptLoad(window), Vector.pageFault, error: 0)
    try expect(
      "otherdomain form, self",
      hypercall(
        __HYPERVISOR_update_va_mapping_otherdomain, window, Frames.machine(pages[0]) << 12 | 3, Flush.onePage,
        UInt64(selfDomain)), 0)
    try expect("what is read", Memory.load64(window), 0xaaaa)
    try require("an address without a table", MMU.map(0x7000_0000_0000, Frames.machine(pages[0]) << 12 | 3) < 0)
  }
}
