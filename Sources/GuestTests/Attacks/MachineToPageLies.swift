// SPDX-License-Identifier: Apache-2.0
//
// Lies in the machine-to-physical table: nobody may write others' entries; what a domain writes into its own must harm only
// itself, wherever the hypervisor reads them afterwards.

import CGuestKit
import GuestKit

/// attack-m2p-lies: MMU_MACHPHYS_UPDATE of others' frames, nonsense for own ones, then calls that look at them, then death.
func machineToPageLies() -> Guest {
  attack("attack-m2p-lies", "others' machine-to-physical entries are refused, lies in own ones harm nobody") {
    () throws(Failure) in
    for frame in foreignFrames() {
      refused("another's entry", MMU.update(frame << 12, 7, command: MMU_MACHPHYS_UPDATE), frame)
    }
    let list = Request()
    let request = Request(words: [list.address, 1, 0, UInt64(selfDomain)])
    for (index, lie) in hostileWords.enumerated() {
      let page = Pages.take()
      let frame = Frames.machine(page)
      let result = MMU.update(frame << 12, lie, command: MMU_MACHPHYS_UPDATE)
      try require("an own entry is taken or refused cleanly", result <= 0)
      _ = MMU.map(page, 0)
      list.set64(0, frame)
      if index & 1 == 0 { _ = request.call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation) }
    }
    // The tables themselves: every page of this address space under another's number.
    for level in UInt64(1)...4 {
      let frame = Frames.machine(EntryPlace.find(Pages.take(), level: level).table)
      _ = MMU.update(frame << 12, Victim.frame, command: MMU_MACHPHYS_UPDATE)
    }
    try expect("hypercalls still work", hypercall(__HYPERVISOR_xen_version, 0), 4 << 16 | 17)
  }
}
