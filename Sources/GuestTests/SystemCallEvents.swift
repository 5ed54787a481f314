// SPDX-License-Identifier: Apache-2.0
//
// CALLBACKF_mask_events on the system call callback.

import CGuestKit
import GuestKit

/// syscall-mask-events: the flag decides whether the callback starts with events masked.
func systemCallEvents() -> Guest {
  Guest("syscall-mask-events", "CALLBACKF_mask_events masks events in the syscall callback") { () throws(Failure) in
    let space = UserSpace([0x0f, 0x05])
    Events.enable()
    let entry = gk_address_syscall_entry()
    try expect("register", Callbacks.register(CALLBACKTYPE_syscall, address: entry), 0)
    try require("events stay enabled", !space.run().eventsMasked)
    try expect("register with the flag", Callbacks.register(CALLBACKTYPE_syscall, flags: 1, address: entry), 0)
    space.reset()
    try require("events are masked", space.run().eventsMasked)
  }
}
