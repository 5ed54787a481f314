// SPDX-License-Identifier: Apache-2.0
//
// The domain's memory: give frames back, take new ones, exchange them, and the questions about it.

import CGuestKit
import GuestKit

/// reservation: decrease, increase, populate, and the totals.
func reservations() -> Guest {
  Guest("reservation", "frames can be given back and taken again; totals follow") { () throws(Failure) in
    func total() -> Int {
      var domain = xen_memory_domain(domid: selfDomain)
      return hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, &domain)
    }
    // struct xen_memory_reservation: list, count, order, flags, domain
    let list = Request()
    let request = Request()
    func operate(_ command: Int32, _ count: UInt64, order: UInt32 = 0, domain: UInt16 = selfDomain) -> Int {
      request.set64(0, list.address)
      request.set64(8, count)
      request.set32(16, order)
      request.set32(20, 0)
      request.set16(24, domain)
      return request.call(__HYPERVISOR_memory_op, command)
    }
    let before = total()
    try expect("current_reservation is what start_info says", before, Int(StartInfo.pageCount))
    var pages: [UInt64] = []
    for index in UInt64(0)..<4 {
      pages.append(Frames.takeUnmapped())
      list.set64(index * 8, Frames.machine(page: pages[Int(index)]))
    }
    try expect("decrease by four", operate(XENMEM_decrease_reservation, 4), 4)
    try expect("total", total(), before - 4)
    let window = Pages.take()
    try require("a frame given back cannot be mapped", MMU.map(window, list.get64(0) << 12 | 3) < 0)
    try expect("given back again", operate(XENMEM_decrease_reservation, 1), 0)

    for index in UInt64(0)..<4 { list.set64(index * 8, pages[Int(index)]) }
    try expect("populate four", operate(XENMEM_populate_physmap, 4), 4)
    try expect("total", total(), before)
    for index in UInt64(0)..<4 {
      let frame = list.get64(index * 8)
      try expect("machine-to-page of a new frame", Frames.page(machine: frame), pages[Int(index)])
      try expect("map it", MMU.map(window, frame << 12 | 3), 0)
      for word in UInt64(0)..<512 { try expect("a new frame is empty", Memory.load64(window + word * 8), 0) }
      Memory.store64(window, 0x1111)
    }
    // A frame in use cannot go.
    list.set64(0, Frames.machine(StartInfo.pageTableBase))
    _ = operate(XENMEM_decrease_reservation, 1)
    try expectNoFault("the page table is still there", attemptLoad(StartInfo.pageTableBase))
    list.set64(0, ~0)
    try expect("a frame that does not exist", operate(XENMEM_decrease_reservation, 1), 0)
    try require("another domain", operate(XENMEM_populate_physmap, 1, domain: 77) <= 0)
    let maximum = hypercall(__HYPERVISOR_memory_op, UInt64(XENMEM_maximum_ram_page), 0)
    try require("maximum_ram_page", maximum > 0x1000)
    try expect("unknown operation", hypercall(__HYPERVISOR_memory_op, 63, 0), ErrorCode.noSystemCall)
  }
}
