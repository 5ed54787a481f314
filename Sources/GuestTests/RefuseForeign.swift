// SPDX-License-Identifier: Apache-2.0
//
// Only the guest's own frames can be mapped: not the hypervisor's, not free memory, not beyond the machine.

import CGuestKit
import GuestKit

/// refuse-foreign: frames that the guest does not own.
func refuseForeign() -> Guest {
  Guest("refuse-foreign", "frames of others and frames that do not exist are refused") { () throws(Failure) in
    let window = Pages.take()
    let read = PageEntry.present
    var tried: Int32 = 0
    var frame: UInt64 = 0x140
    while frame < 0xf000 {
      // Ours are those for which both tables agree.
      let page = Frames.page(machine: frame)
      let ours = page < StartInfo.pageCount && Frames.machine(page: page) == frame
      if !ours {
        tried += 1
        if MMU.map(window, frame << 12 | read | PageEntry.writable) == 0 {
          Console.line("  mapped writable, frame", frame)
          Runner.fail("a frame of nobody or of the hypervisor was mapped writable")
        }
        if MMU.extended(MMUEXT_PIN_L1_TABLE, frame) == 0 {
          Console.line("  pinned, frame", frame)
          Runner.fail("a frame of nobody or of the hypervisor was pinned")
        }
        if MMU.extended(MMUEXT_CLEAR_PAGE, frame) == 0 {
          Console.line("  cleared, frame", frame)
          Runner.fail("a frame of nobody or of the hypervisor was cleared")
        }
      }
      frame += 97
    }
    try require("foreign frames were found", tried > 10)
    try require("frame beyond the machine, pin", MMU.extended(MMUEXT_PIN_L1_TABLE, 0xff_ffff_ffff) < 0)
    try require("frame beyond the machine, map", MMU.map(window, 0xf_ffff_ffff_f003) < 0)
    try require("frame beyond 52 bits, pin", MMU.extended(MMUEXT_PIN_L4_TABLE, ~0) < 0)
    try require("frame beyond the machine, clear", MMU.extended(MMUEXT_CLEAR_PAGE, ~0) < 0)
    try require("mmu_update of a table beyond the machine", MMU.update(0xf_ffff_ffff_f000, 0) < 0)
    try require("a domain that does not exist", MMU.update(EntryPlace.find(window).machineAddress, 0, domain: 77) < 0)
    try expectNoFault("the window is as it was", attemptStore(window, 1))
  }
}
