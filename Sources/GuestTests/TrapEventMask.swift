// SPDX-License-Identifier: Apache-2.0
//
// A trap_info with flag bit 2 delivers its trap with events masked; leaving the trap restores the mask.

import GuestKit

/// trap-event-mask: TI flag bit 2 sets evtchn_upcall_mask for the handler; without it the mask stays.
func trapEventMask() -> Guest {
  Guest("trap-event-mask", "trap_info flag bit 2 masks events for the handler, and iret restores") {
    () throws(Failure) in
    try expect("install #UD without masking", Traps.install(6), 0)
    Events.enable()
    let plain = attempt([0x0f, 0x0b])
    try require("events stay enabled in the handler", plain.fault?.eventsMasked == false)
    try require("saved rflags.IF says enabled", (plain.fault?.rflags ?? 0) & 0x200 != 0)
    try require("events are enabled after it", !Events.areMasked)

    try expect("install #UD with masking", Traps.install(6, masksEvents: true), 0)
    let masked = attempt([0x0f, 0x0b])
    try require("events are masked in the handler", masked.fault?.eventsMasked == true)
    try require("saved rflags.IF still says enabled", (masked.fault?.rflags ?? 0) & 0x200 != 0)
    try require("iret enabled events again", !Events.areMasked)

    Events.disable()
    let disabled = attempt([0x0f, 0x0b])
    try require("saved rflags.IF says disabled", (disabled.fault?.rflags ?? 0x200) & 0x200 == 0)
    try require("iret kept events disabled", Events.areMasked)
  }
}
