// SPDX-License-Identifier: Apache-2.0
//
// A real device's interrupt reaches Domain 0 as an event: the IDE controller's second channel, GSI 15.

import CGuestKit
import GuestKit

/// pirq: setup_gsi, map_pirq, bind_pirq, an interrupt, eoi, unmap.
func deviceInterrupt() -> Guest {
  Guest("pirq", "a device's interrupt is mapped, bound, delivered and acknowledged") { () throws(Failure) in
    let level = Request()
    level.set32(0, 1)
    try expect("set_iopl", level.call(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl), 0)
    func output(_ port: UInt64, _ value: UInt64) { _ = attempt([0xee], rax: value, rdx: port) }
    func input(_ port: UInt64) -> UInt64 { attempt([0xec], rdx: port).registers.rax & 0xff }

    // struct physdev_setup_gsi: gsi, triggering (0 edge), polarity (0 high)
    let setup = Request()
    setup.set32(0, 15)
    let prepared = setup.call(__HYPERVISOR_physdev_op, PHYSDEVOP_setup_gsi)
    try require("setup_gsi", prepared == 0 || prepared == ErrorCode.exists)
    // struct physdev_map_pirq: domain, type, index, pirq, bus, devfn, entry, base
    let map = Request()
    map.set16(0, selfDomain)
    map.set32(4, UInt32(MAP_PIRQ_TYPE_GSI))
    map.set32(8, 15)
    map.set32(12, 15)
    try expect("map_pirq", map.call(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq), 0)
    let pirq = map.get32(12)
    var bind = evtchn_bind_pirq(pirq: pirq, flags: 0, port: 0)
    try expect("bind_pirq", Events.operate(EVTCHNOP_bind_pirq, &bind), 0)
    try expect("status", Events.status(bind.port).status, UInt32(EVTCHNSTAT_pirq))
    try expect("bind it again", Events.operate(EVTCHNOP_bind_pirq, &bind), ErrorCode.exists)
    let query = Request()
    query.set32(0, pirq)
    try expect("irq_status_query", query.call(__HYPERVISOR_physdev_op, PHYSDEVOP_irq_status_query), 0)
    note("needs eoi, shared", Int(query.get32(4)))

    Events.unmask(bind.port)
    _ = Events.unmaskByHypercall(bind.port)
    Events.enable()
    // IDENTIFY PACKET DEVICE to the drive of the second channel, with interrupts on.
    for round in UInt32(1)...3 {
      output(0x376, 0)
      output(0x176, 0xa0)
      _ = input(0x177)
      output(0x177, 0xa1)
      try require("the interrupt arrives", Events.wait(bind.port, times: round))
      try expect("drive is ready, with data", input(0x177) & 0x89, 0x08)
      for _ in 0..<256 { _ = attempt([0x66, 0xed], rdx: 0x170) }
      try expect("eoi", query.call(__HYPERVISOR_physdev_op, PHYSDEVOP_eoi), 0)
    }
    try expect("close", Events.close(bind.port), 0)
    let unmap = Request()
    unmap.set16(0, selfDomain)
    unmap.set32(4, pirq)
    try expect("unmap_pirq", unmap.call(__HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq), 0)
    try require("unmap it again", unmap.call(__HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq) < 0)
    query.set32(0, 0xffff)
    try expect("eoi of nothing", query.call(__HYPERVISOR_physdev_op, PHYSDEVOP_eoi), ErrorCode.invalid)
  }
}
