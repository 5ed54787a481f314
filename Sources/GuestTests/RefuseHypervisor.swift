// SPDX-License-Identifier: Apache-2.0
//
// L4 slots 256 to 271 and everything that they map belong to the hypervisor.

import CGuestKit
import GuestKit

/// refuse-hypervisor: no way of writing the hypervisor's part of an address space works.
func refuseHypervisor() -> Guest {
  Guest("refuse-hypervisor", "the hypervisor's slots and addresses cannot be mapped by the guest") {
    () throws(Failure) in
    let page = Pages.take()
    let entry = Frames.machine(page) << 12 | 3
    for address: UInt64 in [
      0xffff_8000_0000_0000, 0xffff_8100_0000_0000, 0xffff_8300_0000_0000, 0xffff_87ff_ffff_f000,
    ] {
      try require("update_va_mapping there is refused", MMU.map(address, entry) < 0)
    }
    try require("update_va_mapping at a non-canonical address", MMU.map(0x8000_0000_0000, entry) < 0)

    let tables = LowTables()
    let live = StartInfo.pageTableBase
    for slot in UInt64(256)..<272 {
      let place = EntryPlace(table: live, index: slot)
      let value = Frames.machine(tables.l3) << 12 | PageEntry.table
      try expect("mmu_update of a reserved L4 slot", MMU.update(place, value), ErrorCode.invalid)
      // What a guest writes there before the pin does not survive it.
      Memory.store64(tables.l4 + slot * 8, entry)
    }
    tables.protect()
    try expect("pin", MMU.extended(MMUEXT_PIN_L4_TABLE, Frames.machine(tables.l4)), 0)
    for slot in UInt64(256)..<272 {
      let place = EntryPlace(table: tables.l4, index: slot)
      try require("the guest's entry is gone", PageEntry.frame(place.value) != Frames.machine(page))
    }
  }
}
