// SPDX-License-Identifier: Apache-2.0
//
// callback_op: what can be registered and removed.

import CGuestKit
import GuestKit

/// callback-op: event, failsafe, syscall, nmi, sysenter, syscall32; which may be removed.
func callbackOperations() -> Guest {
  Guest("callback-op", "callbacks can be registered, some removed, unknown ones refused") { () throws(Failure) in
    let entry = gk_address_trap_stubs() + 200 * 16
    for type in [
      CALLBACKTYPE_failsafe, CALLBACKTYPE_syscall, CALLBACKTYPE_nmi, CALLBACKTYPE_sysenter,
      CALLBACKTYPE_syscall32, CALLBACKTYPE_event,
    ] {
      try expect("register", Callbacks.register(type, address: entry), 0)
    }
    try require("unknown type", Callbacks.register(99, address: entry) < 0)
    try expect("a non-canonical address", Callbacks.register(CALLBACKTYPE_event, address: 1 << 63), ErrorCode.invalid)
    try expect("event back", Callbacks.register(CALLBACKTYPE_event, address: gk_address_event_entry()), 0)
    try expect("remove nmi", Callbacks.unregister(CALLBACKTYPE_nmi), 0)
    try expect("remove event", Callbacks.unregister(CALLBACKTYPE_event), ErrorCode.invalid)
    try expect("remove failsafe", Callbacks.unregister(CALLBACKTYPE_failsafe), ErrorCode.invalid)
    try expect("remove syscall", Callbacks.unregister(CALLBACKTYPE_syscall), ErrorCode.invalid)
    try expect(
      "set_callbacks",
      hypercall(
        __HYPERVISOR_set_callbacks, gk_address_event_entry(), gk_address_failsafe_entry(), gk_address_syscall_entry()),
      0)
    let loop = try Events.loop()
    Events.unmask(loop.listener)
    Events.enable()
    Events.resetCounts()
    try expect("send", Events.send(loop.connected), 0)
    try expect("events arrive", Events.count(loop.listener), 1)
  }
}
