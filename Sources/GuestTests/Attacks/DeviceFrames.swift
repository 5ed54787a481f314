// SPDX-License-Identifier: Apache-2.0
//
// Memory that is no memory: controllers and adapters, which only Domain 0 may map; and large pages, which nobody may.

import CGuestKit
import GuestKit

/// attack-device-frames: local APIC, I/O APIC, HPET, VGA, firmware, PCI holes.
func deviceFrames() -> Guest {
  attack("attack-device-frames", "no device's registers and no firmware can be mapped") { () throws(Failure) in
    let window = Pages.take()
    let place = EntryPlace.find(window).machineAddress
    let ranges: [(UInt64, UInt64)] = [
      (0xa0, 0x100), (0xfec00, 0xfec10), (0xfed00, 0xfed20), (0xfee00, 0xfee10), (0xfff00, 0x10_0000),
      (0xc_0000, 0xc_0008), (0xe_0000, 0xe_0008), (0xfd000, 0xfd008), (0xfeb00, 0xfeb40), (0x10_0000_0, 0x10_0000_4),
    ]
    for (first, last) in ranges {
      for frame in first..<last {
        for flags: UInt64 in [3, 1, 0x1b, 0x11] {
          refused("mapped", MMU.map(window, frame << 12 | flags, 0), frame)
          refused("mapped as DOMID_IO's", MMU.update(place, frame << 12 | flags, domain: ioDomain), frame)
        }
      }
    }
    try expectNoFault("the window is as it was", attemptStore(window, 1))
  }
}

/// attack-superpages: the size bit at each level, over own and foreign memory.
func superpages() -> Guest {
  attack("attack-superpages", "large pages of own or foreign memory are refused at every level") { () throws(Failure) in
    let tables = LowTables()
    tables.pin()
    let own = Frames.machine(Pages.take()) & ~511
    for frame in [own, Victim.frame & ~511, 0, 512, 0x10_0000] {
      for (table, level) in [(tables.l2, UInt64(2)), (tables.l3, 3), (tables.l4, 4)] {
        let entry = frame << 12 | 0xe7
        refused("by mmu_update", MMU.update(EntryPlace(table: table, index: 7), entry), level)
        let page = Pages.take()
        Memory.store64(page + 8, entry)
        MMU.protect(page)
        refused("in a fresh table", MMU.extended(MMUEXT_PIN_L1_TABLE + Int32(level) - 1, Frames.machine(page)), level)
      }
    }
  }
}
