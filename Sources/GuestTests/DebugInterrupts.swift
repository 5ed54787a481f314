// SPDX-License-Identifier: Apache-2.0
//
// VIRQ_DEBUG and VIRQ_CON_RING, both by way of a debug key that Domain 0 presses: XEN_SYSCTL_debug_keys (sysctl.h).

import CGuestKit
import GuestKit

/// debug-interrupts: the key `q` raises VIRQ_DEBUG, and what it prints VIRQ_CON_RING; a key that prints only, the latter.
func debugInterrupts() -> Guest {
  Guest("debug-interrupts", "debug keys raise VIRQ_CON_RING, and q VIRQ_DEBUG besides") { () throws(Failure) in
    let debug = Events.bindVIRQ(VIRQ_DEBUG)
    try expect("bind VIRQ_DEBUG", debug.result, 0)
    let ring = Events.bindVIRQ(VIRQ_CON_RING)
    try expect("bind VIRQ_CON_RING", ring.result, 0)
    Events.unmask(debug.port)
    Events.unmask(ring.port)
    Events.enable()
    Time.spin(20_000_000)
    Events.resetCounts()

    let key = Pages.take()
    let request = Request()
    func press(_ letter: UInt8) -> Int {
      Memory.store8(key, letter)
      // struct xen_sysctl: cmd, interface_version, and in the union keys, nr_keys.
      request.set32(0, 7)
      request.set32(4, 0x15)
      request.set64(8, key)
      request.set32(16, 1)
      return Int(hypercall(__HYPERVISOR_sysctl, request.address))
    }
    try expect("press h", press(UInt8(ascii: "h")), 0)
    try require("VIRQ_CON_RING", Events.wait(ring.port))
    try expect("no VIRQ_DEBUG", Events.count(debug.port), 0)

    Events.resetCounts()
    try expect("press q", press(UInt8(ascii: "q")), 0)
    try require("VIRQ_DEBUG", Events.wait(debug.port))
    try require("VIRQ_CON_RING", Events.wait(ring.port))
    try expect("VIRQ_DEBUG came once", Events.count(debug.port), 1)
  }
}
