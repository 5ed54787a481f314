// SPDX-License-Identifier: Apache-2.0
//
// Taking memory, giving it back, and asking for more than there is.

import CGuestKit
import GuestKit

/// One memory_op with a struct xen_memory_reservation over `list`.
private func reserve(
  _ command: Int32, _ request: Request, _ list: UInt64, count: UInt64, order: UInt64, domain: UInt16 = selfDomain
) -> Int {
  request.set64(0, list)
  request.set64(8, count)
  request.set64(16, order)
  request.set64(24, UInt64(domain))
  return request.call(__HYPERVISOR_memory_op, command)
}

private func total() -> Int {
  var domain = xen_memory_domain(domid: selfDomain)
  return hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, &domain)
}

/// attack-memory-hog: more frames than allowed, one by one, in the hundreds, in blocks.
func memoryHog() -> Guest {
  attack("attack-memory-hog", "a domain never gets more memory than it may have") { () throws(Failure) in
    var domain = xen_memory_domain(domid: selfDomain)
    let limit = hypercall(__HYPERVISOR_memory_op, XENMEM_maximum_reservation, &domain)
    try require("there is a limit", limit >= total())
    let list = Pages.take()
    let request = Request()
    for (count, order) in [
      (UInt64(1), UInt64(0)), (512, 0), (64, 3), (2, 9), (1, 18), (512, 0), (512, 0), (1, 63), (~0, 0), (~0, ~0),
      (1, 0xffff_ffff), (UInt64(1) << 52, 0), (1 << 63, 1),
    ] {
      for round in UInt64(0)..<8 {
        for index in UInt64(0)..<512 { Memory.store64(list + index * 8, StartInfo.pageCount + round * 512 + index) }
        let result = reserve(XENMEM_populate_physmap, request, list, count: count, order: order)
        try require("as many extents as asked or fewer", result <= 512)
        if total() > limit { breach("more than the limit", UInt64(total())) }
        _ = reserve(XENMEM_increase_reservation, request, list, count: count, order: order)
        if total() > limit { breach("more than the limit", UInt64(total())) }
      }
    }
  }
}

/// attack-populate-storm: frames given back and taken again as fast as it goes.
func populateStorm() -> Guest {
  attack("attack-populate-storm", "decrease and populate in a storm; the count stays true") { () throws(Failure) in
    let pages = Pages.take(256)
    let first = Frames.page(pages)
    for page in 0..<UInt64(256) { _ = MMU.map(pages + page * pageSize, 0, 0) }
    let list = Pages.take()
    let request = Request()
    for page in 0..<UInt64(256) { Memory.store64(list + page * 8, Frames.machine(page: first + page)) }
    let before = total()
    try storm(400) { () throws(Failure) in
      let count = 1 + random(below: 256)
      try expect("given", reserve(XENMEM_decrease_reservation, request, list, count: count, order: 0), Int(count))
      try expect("the total follows", total(), before - Int(count))
      for page in 0..<count { Memory.store64(list + page * 8, first + page) }
      let taken = reserve(XENMEM_populate_physmap, request, list, count: count, order: 0)
      try expect("taken again", taken, Int(count))
    }
    try expect("the total is what it was", total(), before)
  }
}

/// attack-exchange-storm: XENMEM_exchange of others' frames, tables, mapped pages, the same frame twice, odd sizes.
func exchangeStorm() -> Guest {
  attack("attack-exchange-storm", "exchange gives nothing for frames that are not free to go") { () throws(Failure) in
    let input = Pages.take()
    let output = Pages.take()
    let request = Request()
    let before = total()
    func exchange(_ count: UInt64, _ order: UInt64, _ outCount: UInt64, _ outOrder: UInt64, done: UInt64 = 0) -> Int {
      let words = [
        input, count, order, UInt64(selfDomain), output, outCount, outOrder, UInt64(selfDomain), done,
      ]
      for index in words.indices { request.set64(UInt64(index) * 8, words[index]) }
      return request.call(__HYPERVISOR_memory_op, XENMEM_exchange)
    }
    var bad = foreignFrames()
    bad += [Frames.machine(StartInfo.pageTableBase), Frames.machine(input), StartInfo.sharedInfo >> 12]
    bad.append(PageEntry.frame(EntryPlace.find(input, level: 2).value))
    for frame in bad {
      Memory.store64(input, frame)
      Memory.store64(output, 3)
      refused("exchanged", exchange(1, 0, 1, 0), frame)
    }
    let free = Pages.take()
    _ = MMU.map(free, 0)
    Memory.store64(input, Frames.machine(free))
    Memory.store64(input + 8, Frames.machine(free))
    refused("the same twice", exchange(2, 0, 1, 1))
    for (count, order, outCount, outOrder) in [
      (UInt64(0), UInt64(0), UInt64(1), UInt64(0)), (1, 0, 2, 0), (2, 0, 1, 0), (~0, 0, ~0, 0), (1, 63, 1, 63),
      (1 << 63, 1, 1, 0), (1, 0xffff_ffff, 1, 0xffff_ffff), (4, 0, 1, 30), (1, 9, 512, 0),
    ] { _ = exchange(count, order, outCount, outOrder) }
    _ = exchange(1, 0, 1, 0, done: ~0)
    _ = exchange(1, 0, 1, 0, done: 2)
    for _ in 0..<300 {
      Memory.store64(input, randomWord())
      Memory.store64(output, randomWord())
      _ = exchange(randomWord(), random(below: 70), randomWord(), random(below: 70), done: random(below: 3))
    }
    if total() > before { breach("memory came of it", UInt64(total())) }
  }
}

/// attack-free-in-use: giving back what is in use: tables, shared pages, rings, grant frames, the code that runs.
func freeInUse() -> Guest {
  attack("attack-free-in-use", "frames in use are not given back by decrease_reservation") { () throws(Failure) in
    let list = Pages.take()
    let request = Request()
    let table = try GrantTable.setUp()
    let code = gk_address_image_start()
    var frames = [
      StartInfo.sharedInfo >> 12, StartInfo.consoleFrame, StartInfo.storeFrame,
      PageEntry.frame(EntryPlace.find(table).value),
      Frames.machine(code), Frames.machine(gk_rsp() & ~4095),
    ]
    for level in UInt64(1)...4 { frames.append(Frames.machine(EntryPlace.find(list, level: level).table)) }
    frames += foreignFrames()
    for frame in frames {
      for order in [UInt64(0), 1, 9, 18, 63] {
        Memory.store64(list, frame)
        _ = reserve(XENMEM_decrease_reservation, request, list, count: 1, order: order)
      }
    }
    try expectNoFault("the shared page is there", attemptLoad(SharedInfo.address))
    try expectNoFault("the grant table is there", attemptLoad(table))
    try expect("the code is there", hypercall(__HYPERVISOR_xen_version, 0), 4 << 16 | 17)
  }
}
