// SPDX-License-Identifier: Apache-2.0
//
// Thousands of frames given back and taken again by one call each: preempted and resumed.

import CGuestKit
import GuestKit

/// reservation-large: 4,000 frames, with the totals right.
func largeReservation() -> Guest {
  Guest("reservation-large", "4000 frames are given back and taken again, one call each") { () throws(Failure) in
    let count: UInt64 = 4000
    let list = Pages.take(count * 8 / pageSize + 1)
    var domain = xen_memory_domain(domid: selfDomain)
    let before = hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, &domain)
    var first: UInt64 = 0
    for index in 0..<count {
      first = Frames.takeUnmapped()
      Memory.store64(list + index * 8, Frames.machine(page: first))
    }
    let request = Request(words: [list, count, 0, UInt64(selfDomain)])
    _ = Timer.set(Time.system() + 300_000)
    try expect("give back", request.call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation), Int(count))
    let less = hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, &domain)
    try expect("total", less, before - Int(count))
    for index in 0..<count { Memory.store64(list + index * 8, first + index) }
    try expect("take again", request.call(__HYPERVISOR_memory_op, XENMEM_populate_physmap), Int(count))
    let again = hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, &domain)
    try expect("total", again, before)
    let window = Pages.take()
    for index in 0..<count {
      let frame = Memory.load64(list + index * 8)
      try expect("machine-to-page", Frames.page(machine: frame), first + index)
      if index % 101 == 0 {
        try expect("map one", MMU.map(window, frame << 12 | 3), 0)
        try expect("it is empty", Memory.load64(window + 8 * (index % 512)), 0)
      }
    }
  }
}
