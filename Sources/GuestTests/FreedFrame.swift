// SPDX-License-Identifier: Apache-2.0
//
// A frame given back to the hypervisor is out of reach at once, also by a translation that nobody flushed.

import CGuestKit
import GuestKit

/// freed-frame: touch, unmap without a flush, give back, touch again.
func freedFrame() -> Guest {
  Guest("freed-frame", "no stale translation reaches a frame that was given back") { () throws(Failure) in
    let window = Pages.take()
    let frame = Frames.machine(page: Frames.takeUnmapped())
    let list = Request(words: [frame])
    let request = Request(words: [list.address, 1, 0, UInt64(selfDomain)])
    try expect("map", MMU.map(window, frame << 12 | 3), 0)
    Memory.store64(window, 0x1234)
    try expect(
      "give back while mapped", request.call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation) >= 0 ? 0 : 1, 0)
    // Still mapped: the frame stays ours until the mapping goes.
    try expectNoFault("still mapped", attemptLoad(window))
    try expect("unmap without a flush", MMU.map(window, 0, Flush.none), 0)
    let stale = attemptStore(window, 0xbad)
    try expect("write to it: vector", stale.fault?.vector ?? 0xff, Vector.pageFault)
    try require("it cannot be mapped again", MMU.map(window, frame << 12 | 3) < 0)
  }
}
