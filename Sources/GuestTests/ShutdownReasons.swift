// SPDX-License-Identifier: Apache-2.0
//
// Ends of a guest: PASS is printed first, what the hypervisor says afterwards is in README.md.

import CGuestKit
import GuestKit

/// Says PASS and shuts down with a reason, after a call that must not.
private func end(_ reason: Int32, _ how: StaticString) throws(Failure) {
  let bad = hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_shutdown), 0x1000)
  try expect("a bad pointer is not a shutdown", bad, ErrorCode.badAddress)
  Runner.announce(end: how)
  Runner.shutdown(reason)
}

/// shutdown-poweroff: Domain 0 halts the machine.
func shutdownPoweroff() -> Guest {
  Guest("shutdown-poweroff", "SHUTDOWN_poweroff halts the machine") { () throws(Failure) in
    try end(SHUTDOWN_poweroff, "poweroff")
  }
}

/// shutdown-reboot: the machine restarts.
func shutdownReboot() -> Guest {
  Guest("shutdown-reboot", "SHUTDOWN_reboot restarts the machine") { () throws(Failure) in
    try end(SHUTDOWN_reboot, "reboot")
  }
}

/// shutdown-crash: reported as a crash, and the machine restarts.
func shutdownCrash() -> Guest {
  Guest("shutdown-crash", "SHUTDOWN_crash is reported and restarts") { () throws(Failure) in
    try end(SHUTDOWN_crash, "crash")
  }
}

/// crash-unhandled-trap: a trap with no entry in the trap table ends the domain.
func crashUnhandledTrap() -> Guest {
  Guest("crash-unhandled-trap", "a trap without an entry crashes the domain, not the machine") { () throws(Failure) in
    try expect("no table at all", hypercall(__HYPERVISOR_set_trap_table, 0), 0)
    Runner.announce(end: "fault")
    _ = attempt([0x0f, 0x0b])
    Console.line("GUEST crash-unhandled-trap: FAIL the guest was still running after the trap")
  }
}

/// crash-bad-stack: a user trap with a kernel stack that is not there ends the domain.
func crashBadStack() -> Guest {
  Guest("crash-bad-stack", "a trap onto an unmapped kernel stack crashes the domain, not the machine") {
    () throws(Failure) in
    let space = UserSpace([0x0f, 0x05])
    try expect("stack_switch", hypercall(__HYPERVISOR_stack_switch, UInt64(FLAT_RING3_SS64), 0x1234_5000), 0)
    Runner.announce(end: "fault")
    _ = space.run()
    Console.line("GUEST crash-bad-stack: FAIL the guest was still running after the trap")
  }
}
