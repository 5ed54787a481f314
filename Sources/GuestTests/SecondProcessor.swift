// SPDX-License-Identifier: Apache-2.0
//
// Bringing up a second vCPU and taking it down again; needs two vCPUs.

import CGuestKit
import GuestKit

private var ran: UInt64 = 0
private var mayEnd = false

/// smp-bringup: initialise, up, its own stack and time, down, up again.
func secondProcessor() -> Guest {
  Guest("smp-bringup", "a second vCPU starts, runs, goes down and comes up again (needs 2 vCPUs)") {
    () throws(Failure) in
    try expect("is vCPU 0 up", VCPU.operate(VCPUOP_is_up, 0), 1)
    try expect("is vCPU 1 up", VCPU.operate(VCPUOP_is_up, 1), 0)
    try require("up before initialise", VCPU.operate(VCPUOP_up, 1) < 0)
    try expect(
      "initialise",
      VCPU.initialise(1) { number in
        ran = number * 100 + currentVCPU
        while !mayEnd { gk_pause() }
      }, 0)
    try expect("initialise again", VCPU.initialise(1) { _ in }, ErrorCode.exists)
    try expect("initialise one that is not there", VCPU.initialise(3) { _ in }, ErrorCode.noEntry)
    try require("bad context pointer", hypercall(__HYPERVISOR_vcpu_op, 0, 1, 0x1000) < 0)
    try expect("up", VCPU.operate(VCPUOP_up, 1), 0)
    try require(
      "it runs on its own stack",
      VCPU.wait {
        gk_barrier()
        return ran == 101
      })
    try expect("is vCPU 1 up", VCPU.operate(VCPUOP_is_up, 1), 1)
    mayEnd = true
    try require("it goes down", VCPU.wait { VCPU.operate(VCPUOP_is_up, 1) == 0 })
    var state: InlineArray<6, UInt64> = InlineArray(repeating: 0)
    // Down is announced a moment before it is switched away.
    let offline = VCPU.wait {
      let result = VCPU.operate(VCPUOP_get_runstate_info, 1, &state)
      return result == 0 && UInt32(truncatingIfNeeded: state[0]) == UInt32(RUNSTATE_offline)
    }
    try require("its runstate becomes offline", offline)
    // Up again: it goes on after VCPUOP_down, which GuestKit answers by going down again.
    try expect("up again", VCPU.operate(VCPUOP_up, 1), 0)
    try require("and down", VCPU.wait { VCPU.operate(VCPUOP_is_up, 1) == 0 })
  }
}

/// smp-ipi: interprocessor events in both directions.
func processorEvents() -> Guest {
  Guest("smp-ipi", "IPI events travel between two vCPUs in both directions (needs 2 vCPUs)") { () throws(Failure) in
    let toFirst = Events.bindIPI(vcpu: 0)
    let toSecond = Events.bindIPI(vcpu: 1)
    try expect("bind to 0", toFirst.result, 0)
    try expect("bind to 1", toSecond.result, 0)
    Events.unmask(toFirst.port)
    Events.unmask(toSecond.port)
    var pings: UInt64 = 0
    eventHandler = { port, vcpu in
      if port == toSecond.port && vcpu == 1 { _ = Events.send(toFirst.port) }
      if port == toFirst.port && vcpu == 0 { pings += 1 }
    }
    try expect(
      "initialise",
      VCPU.initialise(1) { _ in
        ran = 1
        Events.enable()
        while !mayEnd { hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield)) }
      }, 0)
    try expect("up", VCPU.operate(VCPUOP_up, 1), 0)
    try require(
      "it runs",
      VCPU.wait {
        gk_barrier()
        return ran == 1
      })
    Events.enable()
    for round in UInt64(1)...20 {
      try expect("send", Events.send(toSecond.port), 0)
      try require(
        "answer",
        VCPU.wait {
          gk_barrier()
          return pings >= round
        })
    }
    try expect("answers", pings, 20)
    try expect("the second vCPU's status", Events.status(toSecond.port).vcpu, 1)
    mayEnd = true
    try require("it goes down", VCPU.wait { VCPU.operate(VCPUOP_is_up, 1) == 0 })
  }
}

/// smp-timer: timers of two vCPUs are separate.
func processorTimers() -> Guest {
  Guest("smp-timer", "each vCPU has its own VIRQ_TIMER and timer (needs 2 vCPUs)") { () throws(Failure) in
    let first = Events.bindVIRQ(VIRQ_TIMER, vcpu: 0)
    let second = Events.bindVIRQ(VIRQ_TIMER, vcpu: 1)
    try expect("bind on 0", first.result, 0)
    try expect("bind on 1", second.result, 0)
    _ = VCPU.operate(VCPUOP_stop_periodic_timer, 0)
    Events.unmask(first.port)
    Events.unmask(second.port)
    try expect(
      "initialise",
      VCPU.initialise(1) { _ in
        _ = VCPU.operate(VCPUOP_stop_periodic_timer, 1)
        Events.enable()
        Time.spin(3_000_000)
        Events.resetCounts()
        _ = Timer.set(Time.system(vcpu: 1) + 5_000_000)
        ran = 1
        while !mayEnd { hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield)) }
      }, 0)
    try expect("up", VCPU.operate(VCPUOP_up, 1), 0)
    try require(
      "it runs",
      VCPU.wait {
        gk_barrier()
        return ran == 1
      })
    Events.enable()
    try require("its timer fires", VCPU.wait { Events.count(second.port) > 0 })
    try expect("vCPU 0's does not", Events.count(first.port), 0)
    mayEnd = true
    try require("it goes down", VCPU.wait { VCPU.operate(VCPUOP_is_up, 1) == 0 })
    // System time of both agrees to within 50 ms.
    let apart = Int64(bitPattern: Time.system(vcpu: 1) &- Time.system())
    try require("their times agree", apart.magnitude < 50_000_000)
  }
}
