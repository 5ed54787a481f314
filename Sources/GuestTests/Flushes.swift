// SPDX-License-Identifier: Apache-2.0
//
// Every flush of mmuext_op is accepted, by one list, and removes a stale translation.

import CGuestKit
import GuestKit

/// tlb-flush: change an entry without a flush, flush in each way, read the new page.
func flushes() -> Guest {
  Guest("tlb-flush", "each TLB flush of mmuext_op makes a changed entry take effect") { () throws(Failure) in
    let window = Pages.take()
    let place = EntryPlace.find(window)
    let pages: [UInt64] = [Pages.take(), Pages.take()]
    Memory.store64(pages[0], 0xaaaa)
    Memory.store64(pages[1], 0xbbbb)
    let bitmap = Pages.take()
    Memory.store64(bitmap, 1)
    let ways: [(Int32, UInt64, UInt64)] = [
      (MMUEXT_TLB_FLUSH_LOCAL, 0, 0), (MMUEXT_INVLPG_LOCAL, window, 0), (MMUEXT_TLB_FLUSH_MULTI, 0, bitmap),
      (MMUEXT_INVLPG_MULTI, window, bitmap), (MMUEXT_TLB_FLUSH_ALL, 0, 0), (MMUEXT_INVLPG_ALL, window, 0),
    ]
    for round in ways.indices {
      let page = pages[round & 1]
      _ = Memory.load64(window)
      try expect("update", MMU.update(place, Frames.machine(page) << 12 | 3), 0)
      try expect("flush", MMU.extended(ways[round].0, ways[round].1, ways[round].2), 0)
      try expect("what is read", Memory.load64(window), Memory.load64(page))
    }
    try expect("cache flush", MMU.extended(MMUEXT_FLUSH_CACHE), 0)
    try expect("cache flush everywhere", MMU.extended(MMUEXT_FLUSH_CACHE_GLOBAL), 0)
    try expect("bitmap that is not there", MMU.extended(MMUEXT_TLB_FLUSH_MULTI, 0, 0x1000), ErrorCode.invalid)
    try expect("unknown command", MMU.extended(99), ErrorCode.noSystemCall)
    // A list: the second is bad, so one is done.
    let list = Pages.take()
    Memory.store64(list, UInt64(MMUEXT_TLB_FLUSH_LOCAL))
    Memory.store64(list + 24, 99)
    Memory.store32(list + 4088, 77)
    let result = hypercall(__HYPERVISOR_mmuext_op, list, 2, list + 4088, UInt64(selfDomain))
    try expect("list with an unknown command", result, ErrorCode.noSystemCall)
    try expect("done count", Memory.load32(list + 4088), 1)
  }
}
