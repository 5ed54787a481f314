// SPDX-License-Identifier: Apache-2.0
//
// Mapping what belongs to others, by every call that writes a page-table entry.

import CGuestKit
import GuestKit

/// Whether both tables agree that a machine frame is this domain's.
private func isOurs(_ frame: UInt64) -> Bool {
  let page = Frames.page(machine: frame)
  return page < StartInfo.pageCount && Frames.machine(page: page) == frame
}

/// attack-map-foreign: frames all over the machine, by update_va_mapping, writable and read-only.
func mapForeign() -> Guest {
  attack("attack-map-foreign", "every foreign frame of the machine is refused to update_va_mapping") {
    () throws(Failure) in
    let window = Pages.take()
    let last = UInt64(max(0, hypercall(__HYPERVISOR_memory_op, UInt64(XENMEM_maximum_ram_page))))
    try require("the machine has an end", last > 0x1000)
    var frame: UInt64 = 0
    var tried: UInt64 = 0
    while frame < last {
      if !isOurs(frame) {
        tried += 1
        if MMU.map(window, frame << 12 | 3, 0) == 0 { breach("mapped writable", frame) }
        if MMU.map(window, frame << 12 | 1, 0) == 0 { breach("mapped read-only", frame) }
      }
      // Each of the victim's neighbours, and a sample of the rest.
      frame += frame >= Victim.frame && frame < Victim.frame + 512 ? 1 : 61
    }
    try require("foreign frames were found", tried > 1000)
    for frame in foreignFrames() where frame > last || !isOurs(frame) {
      refused("map a frame of the list", MMU.map(window, frame << 12 | 3, 0), frame)
    }
    try expectNoFault("the window is as it was", attemptStore(window, 1))
  }
}

/// attack-update-foreign: mmu_update of tables of others, and of own tables with others' frames or others' names.
func updateForeign() -> Guest {
  attack("attack-update-foreign", "mmu_update of foreign tables, with foreign frames and in foreign names is refused") {
    () throws(Failure) in
    let window = Pages.take()
    let place = EntryPlace.find(window)
    for frame in foreignFrames() {
      for command in [MMU_NORMAL_PT_UPDATE, MMU_PT_UPDATE_PRESERVE_AD, MMU_MACHPHYS_UPDATE, 3] {
        refused("update of a foreign table", MMU.update(frame << 12 | 8, frame << 12 | 7, command: command), frame)
      }
      refused("foreign frame", MMU.update(place, frame << 12 | 3), frame)
      refused("foreign frame as a table", MMU.update(EntryPlace.find(window, level: 2), frame << 12 | 0x67), frame)
    }
    for domain in otherDomains() where domain != 0x7ff4 {
      // The value's owner (the low half), then the table's owner (the high half).
      refused("mapping in another's name", MMU.update(place.machineAddress, Victim.frame << 12 | 3, domain: domain))
      var request = mmu_update(ptr: Victim.table << 12, val: Victim.frame << 12 | 7)
      let foreign = withAddress(of: &request) { address in
        hypercall(__HYPERVISOR_mmu_update, address, 1, 0, UInt64(domain &+ 1) << 16 | UInt64(selfDomain))
      }
      refused("another's table", foreign)
    }
    try expectNoFault("the window is as it was", attemptStore(window, 1))
  }
}
