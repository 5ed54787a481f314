// SPDX-License-Identifier: Apache-2.0
//
// Virtual interrupts and interprocessor events: bound once, to a vCPU that exists.

import CGuestKit
import GuestKit

/// event-virq: bind twice refused, unknown refused, status, IPI to oneself, bind_vcpu rules.
func eventVIRQ() -> Guest {
  Guest("event-virq", "bind_virq and bind_ipi: once, known ones only; an IPI to oneself arrives") {
    () throws(Failure) in
    let timer = Events.bindVIRQ(VIRQ_TIMER)
    try expect("bind VIRQ_TIMER", timer.result, 0)
    let status = Events.status(timer.port)
    try expect("status", status.status, UInt32(EVTCHNSTAT_virq))
    try expect("status names it", status.detail, UInt32(VIRQ_TIMER))
    try expect("bind it again", Events.bindVIRQ(VIRQ_TIMER).result, ErrorCode.exists)
    try expect("unknown virq", Events.bindVIRQ(24).result, ErrorCode.invalid)
    try expect("virq on a vCPU that is not there", Events.bindVIRQ(VIRQ_DEBUG, vcpu: 77).result, ErrorCode.noEntry)
    try expect("a global virq not on vCPU 0", Events.bindVIRQ(VIRQ_CONSOLE, vcpu: 1).result, ErrorCode.invalid)

    let ipi = Events.bindIPI(vcpu: 0)
    try expect("bind_ipi", ipi.result, 0)
    try expect("status", Events.status(ipi.port).status, UInt32(EVTCHNSTAT_ipi))
    try expect("ipi to a vCPU that is not there", Events.bindIPI(vcpu: 77).result, ErrorCode.noEntry)
    Events.unmask(ipi.port)
    Events.enable()
    Events.resetCounts()
    try expect("send", Events.send(ipi.port), 0)
    try expect("delivered", Events.count(ipi.port), 1)
    try expect("send on a virq port", Events.send(timer.port), ErrorCode.invalid)

    var move = evtchn_bind_vcpu(port: ipi.port, vcpu: 0)
    try expect("an ipi cannot be moved", Events.operate(EVTCHNOP_bind_vcpu, &move), ErrorCode.invalid)
    move.port = timer.port
    try expect("a per-vCPU virq cannot be moved", Events.operate(EVTCHNOP_bind_vcpu, &move), ErrorCode.invalid)
    try expect("close the virq", Events.close(timer.port), 0)
    try expect("bind it anew", Events.bindVIRQ(VIRQ_TIMER).result, 0)
    try expect("unknown operation", hypercall(__HYPERVISOR_event_channel_op, 99, 0), ErrorCode.noSystemCall)
  }
}
