// SPDX-License-Identifier: Apache-2.0
//
// mmuext_op on what belongs to others: pins, base pointers, clearing and copying pages, in every domain's name.

import CGuestKit
import GuestKit

/// attack-pin-foreign: each operation that takes a frame, with frames of others.
func pinForeign() -> Guest {
  attack("attack-pin-foreign", "pins, base pointers, clear and copy of foreign frames are refused") {
    () throws(Failure) in
    let own = Frames.machine(Pages.take())
    let window = Pages.take()
    for frame in foreignFrames() {
      for command in [
        MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE, MMUEXT_UNPIN_TABLE,
        MMUEXT_NEW_BASEPTR, MMUEXT_CLEAR_PAGE, MMUEXT_MARK_SUPER, MMUEXT_UNMARK_SUPER,
      ] { refused("a frame of another's", MMU.extended(command, frame), frame) }
      // Frame 0 as the user's base pointer means none.
      if frame != 0 { refused("as the user's tables", MMU.extended(MMUEXT_NEW_USER_BASEPTR, frame), frame) }
      refused("copied from", MMU.extended(MMUEXT_COPY_PAGE, own, frame), frame)
      refused("copied to", MMU.extended(MMUEXT_COPY_PAGE, frame, own), frame)
    }
    for domain in otherDomains() where domain != 0x7ff4 {
      refused("pinned in another's name", MMU.extended(MMUEXT_PIN_L1_TABLE, Victim.frame, domain: domain))
      refused("unpinned in another's name", MMU.extended(MMUEXT_UNPIN_TABLE, Victim.table, domain: domain))
      refused("cleared in another's name", MMU.extended(MMUEXT_CLEAR_PAGE, Victim.frame, domain: domain))
      refused(
        "mapped in another's name",
        hypercall(
          __HYPERVISOR_update_va_mapping_otherdomain, window, Victim.frame << 12 | 3, 0, UInt64(domain)),
        UInt64(domain))
    }
    for command in [MMUEXT_SET_LDT + 1, 21, 22, 1000, Int32.max] {
      refused("an unknown operation", MMU.extended(command, own), UInt64(command))
    }
    try expectNoFault("the window is as it was", attemptStore(window, 1))
  }
}
