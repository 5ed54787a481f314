// SPDX-License-Identifier: Apache-2.0
//
// The domain watchdog: set, extended, cancelled.

import CGuestKit
import GuestKit

/// SCHEDOP_watchdog. Xen returns its errors here as 32-bit numbers (docs/guests.md), so that is what is compared.
private func watchdogCall(_ identifier: UInt32, _ seconds: UInt32) -> Int32 {
  var request = sched_watchdog(id: identifier, timeout: seconds)
  return Int32(truncatingIfNeeded: hypercall(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &request))
}

/// watchdog: two timers, refreshed, cancelled; the guest outlives them.
func watchdog() -> Guest {
  Guest("watchdog", "watchdogs are set, refreshed and cancelled, and a cancelled one does not fire") {
    () throws(Failure) in
    try expect("first", watchdogCall(0, 1), 1)
    try expect("second", watchdogCall(0, 1), 2)
    try expect("no more", watchdogCall(0, 1), -28)
    try expect("refresh", watchdogCall(1, 2), 0)
    try expect("cancel the first", watchdogCall(1, 0), 0)
    try expect("cancel the second", watchdogCall(2, 0), 0)
    try expect("an unknown one", watchdogCall(9, 1), -22)
    try expect("cancel one that is not set", watchdogCall(2, 0), -22)
    Time.spin(2_500_000_000)
  }
}

/// watchdog-fires: ENDS is printed first; the end is the hypervisor's (see README.md).
func watchdogFires() -> Guest {
  Guest("watchdog-fires", "a watchdog that is not refreshed ends the domain after a second") { () throws(Failure) in
    try expect("set", watchdogCall(0, 1), 1)
    Runner.announce(end: "watchdog")
    Time.spin(900_000_000)
    Runner.note("runs after 900 ms")
    Time.spin(10_000_000_000)
    Console.line("GUEST watchdog-fires: FAIL the guest was still running after ten seconds")
  }
}
