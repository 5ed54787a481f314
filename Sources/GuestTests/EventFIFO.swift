// SPDX-License-Identifier: Apache-2.0
//
// The FIFO event ABI: control block, event array, queues by priority (event_channel.h).

import CGuestKit
import GuestKit

/// The next event of one priority's queue, with its pending and linked bits taken as the ABI says; nil when empty.
private func takeHead(_ control: UInt64, _ array: UInt64, _ priority: UInt64) -> UInt32? {
  let head = control + 8 + priority * 4
  let port = Memory.load32(head)
  if port == 0 { return nil }
  let word = array + UInt64(port) * 4
  let linkMask: UInt32 = 0x1ffff
  let old = gk_fetch_and32(word, ~(1 << UInt32(EVTCHN_FIFO_LINKED) | linkMask))
  Memory.store32(head, old & linkMask)
  _ = gk_fetch_and32(word, ~(1 << UInt32(EVTCHN_FIFO_PENDING)))
  return port
}

/// event-fifo: order within a queue is first come first served, the ready word names the queues.
func eventFIFO() -> Guest {
  Guest("event-fifo", "FIFO events: init_control, expand_array, order and priority") { () throws(Failure) in
    let first = try Events.loop()
    let second = try Events.loop()
    let third = try Events.loop()
    let control = Pages.take()
    let array = Pages.take()
    var initialise = evtchn_init_control()
    initialise.control_gfn = Frames.machine(control)
    initialise.vcpu = 0
    initialise.offset = 4090
    try expect(
      "control block over the page's end", Events.operate(EVTCHNOP_init_control, &initialise), ErrorCode.invalid)
    initialise.offset = 0
    initialise.vcpu = 99
    try expect("vCPU that is not there", Events.operate(EVTCHNOP_init_control, &initialise), ErrorCode.noEntry)
    initialise.vcpu = 0
    try expect("init_control", Events.operate(EVTCHNOP_init_control, &initialise), 0)
    try expect("link bits", initialise.link_bits, UInt8(EVTCHN_FIFO_LINK_BITS))
    var expand = evtchn_expand_array(array_gfn: Frames.machine(array))
    try expect("expand_array", Events.operate(EVTCHNOP_expand_array, &expand), 0)

    for port in [first.listener, second.listener, third.listener] {
      Memory.store32(array + UInt64(port) * 4, 0)
      try expect("unmask", Events.unmaskByHypercall(port), 0)
    }
    // What was pending before the switch may be queued now: empty every queue.
    for priority in UInt64(0)...15 { while takeHead(control, array, priority) != nil {} }
    Memory.store32(control, 0)

    var priority = evtchn_set_priority(port: third.listener, priority: 3)
    try expect("set_priority", Events.operate(EVTCHNOP_set_priority, &priority), 0)
    priority.priority = 16
    try expect("a priority beyond 15", Events.operate(EVTCHNOP_set_priority, &priority), ErrorCode.invalid)

    try expect("send second", Events.send(second.connected), 0)
    try expect("send first", Events.send(first.connected), 0)
    try expect("send second again", Events.send(second.connected), 0)
    try expect("send third", Events.send(third.connected), 0)
    try expect("ready queues", Memory.load32(control), 1 << 3 | 1 << UInt32(EVTCHN_FIFO_PRIORITY_DEFAULT))
    try require("upcall is pending", Memory.load8(SharedInfo.vcpu(0)) != 0)
    try expect("queue 3", takeHead(control, array, 3) ?? 0, third.listener)
    try require("queue 3 is empty", takeHead(control, array, 3) == nil)
    try expect("queue 7, first out", takeHead(control, array, 7) ?? 0, second.listener)
    try expect("queue 7, second out", takeHead(control, array, 7) ?? 0, first.listener)
    try require("queue 7 is empty", takeHead(control, array, 7) == nil)

    // A masked event is pending but not linked; unmask links it.
    let word = array + UInt64(first.listener) * 4
    _ = gk_fetch_or32(word, 1 << UInt32(EVTCHN_FIFO_MASKED))
    try expect("send", Events.send(first.connected), 0)
    try expect("pending, masked, not linked", Memory.load32(word) >> 29, 0b110)
    try expect("unmask", Events.unmaskByHypercall(first.listener), 0)
    try expect("pending, linked", Memory.load32(word) >> 29, 0b101)
    try expect("out", takeHead(control, array, 7) ?? 0, first.listener)
  }
}
