// SPDX-License-Identifier: Apache-2.0
//
// The tick that a vCPU has until its guest says otherwise: every 10 ms, as VIRQ_TIMER.

import CGuestKit
import GuestKit

/// default-tick: ticks without being asked, about every 10 ms, and stops when told to.
func defaultTick() -> Guest {
  Guest("default-tick", "the periodic timer ticks every 10 ms until it is set or stopped") { () throws(Failure) in
    let timer = Events.bindVIRQ(VIRQ_TIMER)
    try expect("bind", timer.result, 0)
    Events.unmask(timer.port)
    Events.enable()
    // The first may have waited since the start.
    try require("it ticks", Events.wait(timer.port))
    let start = Time.system()
    Events.resetCounts()
    try require("five times more", Events.wait(timer.port, times: 5))
    let taken = Time.system() - start
    note("microseconds for five ticks", Int(taken / 1000))
    try require("not faster than every 10 ms", taken >= 40_000_000)
    try expect("stop", VCPU.operate(VCPUOP_stop_periodic_timer, 0), 0)
    Time.spin(5_000_000)
    Events.resetCounts()
    Time.spin(50_000_000)
    try expect("quiet when stopped", Events.count(timer.port), 0)

    // Once stopped it stays so, also for a port bound anew.
    try expect("close", Events.close(timer.port), 0)
    let again = Events.bindVIRQ(VIRQ_TIMER)
    try expect("bind anew", again.result, 0)
    Events.unmask(again.port)
    Events.resetCounts()
    Time.spin(50_000_000)
    try expect("still quiet", Events.count(again.port), 0)
  }
}
