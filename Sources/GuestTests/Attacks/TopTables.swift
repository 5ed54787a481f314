// SPDX-License-Identifier: Apache-2.0
//
// The hypervisor's slots of the top-level table (256 to 271), which every address space shares: a guest builds L4s that have
// its own entries there, and writes to them, by every way.

import CGuestKit
import GuestKit

/// attack-top-slots: entries in the hypervisor's slots before pinning, by update, by copy, in a user table.
func topSlots() -> Guest {
  attack("attack-top-slots", "a guest's entries in the hypervisor's slots never come into force") {
    () throws(Failure) in
    let word = Memory.load64(0xffff_8000_0000_0000)
    let donor = LowTables()
    donor.pin()
    let l3 = Frames.machine(donor.l3) << 12 | PageEntry.table
    for slot in UInt64(256)...271 {
      refused("a live slot", MMU.update(EntryPlace(table: StartInfo.pageTableBase, index: slot), l3), slot)
      refused("cleared", MMU.update(EntryPlace(table: StartInfo.pageTableBase, index: slot), 0), slot)
      refused("a pinned table's slot", MMU.update(EntryPlace(table: donor.l4, index: slot), l3), slot)
      let value = EntryPlace(table: StartInfo.pageTableBase, index: slot).value
      _ = attemptStore(StartInfo.pageTableBase + slot * 8, l3)
      try expect("the slot is as it was", EntryPlace(table: StartInfo.pageTableBase, index: slot).value, value)
    }
    // Filled before anybody has looked at the page.
    let fresh = Pages.take()
    for index in UInt64(0)..<512 where index < 256 || index > 271 {
      Memory.store64(fresh + index * 8, EntryPlace(table: StartInfo.pageTableBase, index: index).value)
    }
    for slot in UInt64(256)...271 { Memory.store64(fresh + slot * 8, l3) }
    MMU.protect(fresh)
    if MMU.extended(MMUEXT_PIN_L4_TABLE, Frames.machine(fresh)) == 0 {
      for slot in UInt64(256)...271 where EntryPlace(table: fresh, index: slot).value == l3 {
        breach("an entry of ours stayed in the hypervisor's slot", slot)
      }
      try expect("run on it", MMU.extended(MMUEXT_NEW_BASEPTR, Frames.machine(fresh)), 0)
      try expect("the hypervisor is where it was", Memory.load64(0xffff_8000_0000_0000), word)
      let back = Frames.machine(StartInfo.pageTableBase)
      try expect("and back", MMU.extended(MMUEXT_NEW_BASEPTR, back), 0)
    }
    // What the hypervisor has there is not for loading, storing or executing.
    for address: UInt64 in [
      0xffff_8000_0000_0000, 0xffff_8100_0000_0000, 0xffff_8200_0000_0000, 0xffff_8240_0000_0000, 0xffff_8280_0010_0000,
      0xffff_82d0_4000_0000, 0xffff_8300_0000_0000, 0xffff_8300_0010_0000, 0xffff_87ff_ffff_f000,
    ] {
      if attemptStore(address, 0).fault == nil { breach("stored to the hypervisor's memory", address) }
      if attemptCall(address).fault == nil { breach("ran the hypervisor's memory", address) }
      if address > 0xffff_8100_0000_0000 && attemptLoad(address).fault == nil {
        breach("read the hypervisor's memory", address)
      }
      refused("mapped there", MMU.map(address, Frames.machine(donor.l1) << 12 | 1), address)
    }
  }
}

/// attack-linear-top: an L4 that has itself in one of its slots has the hypervisor's tables at the end of walks.
func linearTop() -> Guest {
  attack("attack-linear-top", "a self-mapped L4 does not show the hypervisor's page tables") {
    () throws(Failure) in
    let slot: UInt64 = 5
    let live = StartInfo.pageTableBase
    try expect(
      "itself", MMU.update(EntryPlace(table: live, index: slot), Frames.machine(live) << 12 | PageEntry.present), 0)
    let window = slot << 39
    // Once around, the hypervisor's level-3 tables are where pages are; twice, and thrice, with their own entries below.
    for top in UInt64(260)...271 {
      let third = window | slot << 30 | slot << 21 | top << 12
      if attemptLoad(third).fault == nil { breach("read a level-3 table of the hypervisor's", top) }
      for index: UInt64 in [0, 1, 10, 128, 256, 511] {
        if attemptLoad(window | slot << 30 | top << 21 | index << 12).fault == nil {
          breach("read a level-2 table of the hypervisor's", top << 16 | index)
        }
        for below: UInt64 in [0, 1, 2, 511]
        where attemptLoad(window | top << 30 | index << 21 | below << 12).fault == nil {
          breach("read a level-1 table of the hypervisor's", top << 16 | index)
        }
      }
    }
    try expect("taken out", MMU.update(EntryPlace(table: live, index: slot), 0), 0)
  }
}
