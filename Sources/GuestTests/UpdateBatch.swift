// SPDX-License-Identifier: Apache-2.0
//
// mmu_update with a list stops at the first refusal and says how many it did.

import CGuestKit
import GuestKit

/// mmu-batch: five updates, the third one bad.
func updateBatch() -> Guest {
  Guest("mmu-batch", "a batch stops at the first refusal and reports the done count") { () throws(Failure) in
    let tables = LowTables()
    tables.pin()
    let page = Pages.take()
    let entry = Frames.machine(page) << 12 | PageEntry.table
    let bad = Frames.machine(tables.l2) << 12 | PageEntry.table
    var list: [mmu_update] = []
    for index in UInt64(0)..<5 {
      list.append(
        mmu_update(ptr: EntryPlace(table: tables.l1, index: index).machineAddress, val: index == 2 ? bad : entry))
    }
    let outcome = MMU.update(list)
    try expect("result", outcome.result, ErrorCode.busy)
    try expect("done count", outcome.done, 2)
    for index in UInt64(0)..<5 {
      let present = EntryPlace(table: tables.l1, index: index).value & 1
      try expect("entry present only before the bad one", present, index < 2 ? 1 : 0)
    }
    list.remove(at: 2)
    let good = MMU.update(list)
    try expect("a good batch", good.result, 0)
    try expect("its done count", good.done, 4)
    let empty = hypercall(__HYPERVISOR_mmu_update, 0, 0, 0, UInt64(selfDomain))
    try expect("an empty batch", empty, 0)
    try expect(
      "a list that is not there", hypercall(__HYPERVISOR_mmu_update, 0x1000, 1, 0, UInt64(selfDomain)),
      ErrorCode.badAddress)
  }
}
