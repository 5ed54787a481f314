// SPDX-License-Identifier: Apache-2.0
//
// MMU_MACHPHYS_UPDATE writes the table that turns machine frames into page numbers, for own frames only.

import CGuestKit
import GuestKit

/// machphys-update: own frames only; readable at once.
func machineToPage() -> Guest {
  Guest("machphys-update", "MMU_MACHPHYS_UPDATE changes the machine-to-page table for own frames only") {
    () throws(Failure) in
    let page = Pages.take()
    let frame = Frames.machine(page)
    let old = Frames.page(machine: frame)
    try expect("update", MMU.update(frame << 12, 0x12345, command: MMU_MACHPHYS_UPDATE), 0)
    try expect("read back", Frames.page(machine: frame), 0x12345)
    try expect("restore", MMU.update(frame << 12, old, command: MMU_MACHPHYS_UPDATE), 0)
    try expect("read back", Frames.page(machine: frame), old)
    try require("a frame beyond the machine", MMU.update(0xf_ffff_ffff_f000, 1, command: MMU_MACHPHYS_UPDATE) < 0)
  }
}
