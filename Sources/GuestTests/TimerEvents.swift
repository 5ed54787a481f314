// SPDX-License-Identifier: Apache-2.0
//
// The three timers of a vCPU fire as VIRQ_TIMER, not before their time.

import CGuestKit
import GuestKit

/// timers: set_timer_op, singleshot with and without the future flag, periodic, each stopped again.
func timers() -> Guest {
  Guest("timers", "set_timer_op, singleshot and periodic timers fire, not early, and stop") { () throws(Failure) in
    let timer = Events.bindVIRQ(VIRQ_TIMER)
    try expect("bind", timer.result, 0)
    Events.unmask(timer.port)
    // A periodic tick may be running since the start of day.
    try expect("stop periodic", VCPU.operate(VCPUOP_stop_periodic_timer, 0), 0)
    try expect("stop singleshot", VCPU.operate(VCPUOP_stop_singleshot_timer, 0), 0)
    Events.enable()
    Time.spin(5_000_000)
    Events.resetCounts()
    Time.spin(20_000_000)
    try expect("quiet with no timer set", Events.count(timer.port), 0)

    var due = Time.system() + 5_000_000
    try expect("set_timer_op", Timer.set(due), 0)
    try require("it fires", Events.wait(timer.port))
    try require("not before its time", Time.system() >= due)
    note("microseconds late", Int((Time.system() - due) / 1000))

    Events.resetCounts()
    due = Time.system() + 5_000_000
    try expect("singleshot", Timer.singleShot(due), 0)
    try require("it fires", Events.wait(timer.port))
    try require("not before its time", Time.system() >= due)

    Events.resetCounts()
    // The flag "can be ignored by the hypervisor" (vcpu.h); then the timer fires at once.
    let past = Timer.singleShot(1, flags: 1)
    note("a time in the past with VCPU_SSHOTTMR_future", past)
    try require("in the past: ETIME or accepted", past == ErrorCode.timedOut || past == 0)
    if past == 0 { try require("accepted: it fires at once", Events.wait(timer.port)) }
    Events.resetCounts()
    try expect("in the past", Timer.singleShot(1), 0)
    try require("it fires at once", Events.wait(timer.port))

    Events.resetCounts()
    try expect("far away", Timer.singleShot(Time.system() + 20_000_000), 0)
    try expect("stopped", VCPU.operate(VCPUOP_stop_singleshot_timer, 0), 0)
    Time.spin(40_000_000)
    try expect("a stopped timer is quiet", Events.count(timer.port), 0)

    try expect("period too short", Timer.periodic(1000), ErrorCode.invalid)
    let start = Time.system()
    try expect("period of 5 ms", Timer.periodic(5_000_000), 0)
    try require("it fires four times", Events.wait(timer.port, times: 4))
    try require("not faster than its period", Time.system() - start >= 15_000_000)
    try expect("stop", VCPU.operate(VCPUOP_stop_periodic_timer, 0), 0)
    try expect("another vCPU's timer", Timer.set(0), 0)
    var request = vcpu_set_singleshot_timer(timeout_abs_ns: 1, flags: 0)
    try require("timer of a vCPU that is not there", VCPU.operate(VCPUOP_set_singleshot_timer, 77, &request) < 0)
  }
}
