// SPDX-License-Identifier: Apache-2.0
//
// MMU_PT_UPDATE_PRESERVE_AD keeps the accessed and dirty bits that the processor has set.

import CGuestKit
import GuestKit

/// mmu-preserve-ad: accessed and dirty survive this command and not the normal one.
func preserveAccessed() -> Guest {
  Guest("mmu-preserve-ad", "MMU_PT_UPDATE_PRESERVE_AD keeps accessed and dirty") { () throws(Failure) in
    let page = Pages.take()
    let place = EntryPlace.find(page)
    let clean = Frames.machine(page) << 12 | PageEntry.present | PageEntry.writable
    let both = PageEntry.accessed | PageEntry.dirty
    try expect("map without accessed and dirty", MMU.map(page, clean), 0)
    try expect("they are clear", place.value & both, 0)
    Memory.store64(page, 1)
    try expect("the processor set them", place.value & both, both)
    try expect("update", MMU.update(place, clean & ~PageEntry.writable, command: MMU_PT_UPDATE_PRESERVE_AD), 0)
    try expect("they are kept", place.value & both, both)
    try expect("writable is gone", place.value & PageEntry.writable, 0)
    try expect("normal update", MMU.update(place, clean), 0)
    try expect("they are clear again", place.value & both, 0)
  }
}
