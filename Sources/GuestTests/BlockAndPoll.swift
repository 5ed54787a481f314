// SPDX-License-Identifier: Apache-2.0
//
// Giving up the processor: block until an event, poll with a timeout.

import CGuestKit
import GuestKit

/// block-and-poll: block wakes for an event and unmasks; poll wakes by event or by time.
func blockAndPoll() -> Guest {
  Guest("block-and-poll", "SCHEDOP_block and SCHEDOP_poll end with the event or the time") { () throws(Failure) in
    let timer = Events.bindVIRQ(VIRQ_TIMER)
    try expect("bind", timer.result, 0)
    _ = VCPU.operate(VCPUOP_stop_periodic_timer, 0)
    Events.disable()
    Events.unmask(timer.port)
    Events.resetCounts()
    var due = Time.system() + 5_000_000
    try expect("timer", Timer.set(due), 0)
    try expect("block", hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_block), 0), 0)
    try require("block lets events in", !Events.areMasked)
    try require("it was delivered", Events.wait(timer.port))
    try require("it slept until then", Time.system() >= due)

    // poll: ports pointer, count, timeout (struct sched_poll)
    let request = Pages.take()
    Memory.store64(request, request + 64)
    Memory.store32(request + 64, timer.port)
    Memory.store32(request + 8, 1)
    Events.disable()
    Events.mask(timer.port)
    due = Time.system() + 8_000_000
    Memory.store64(request + 16, due)
    try expect("poll for a time", hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_poll), request), 0)
    try require("it slept until then", Time.system() >= due)
    try require("no event came", !Events.isPending(timer.port))

    try expect("timer", Timer.set(Time.system() + 3_000_000), 0)
    due = Time.system() + 2_000_000_000
    Memory.store64(request + 16, due)
    try expect("poll for an event", hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_poll), request), 0)
    try require("it woke before the timeout", Time.system() < due)
    try require("the masked event is pending", Events.isPending(timer.port))
    try expect("poll with it pending", hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_poll), request), 0)
    Memory.store32(request + 64, 0xffff_fff0)
    try expect(
      "poll of an impossible port", hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_poll), request), ErrorCode.invalid)
    Memory.store32(request + 8, 1000)
    try expect(
      "poll of too many ports", hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_poll), request), ErrorCode.invalid)
    try expect("yield", hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield), 0), 0)
    try expect("unknown operation", hypercall(__HYPERVISOR_sched_op, 99, 0), ErrorCode.noSystemCall)
  }
}
