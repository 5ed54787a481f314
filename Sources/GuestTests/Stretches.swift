// SPDX-License-Identifier: Apache-2.0
//
// No hypercall keeps interrupts off for long, whatever a guest does with it: the worst that is known of each.

import CGuestKit
import GuestKit

/// A level 2 table that leads to seven full level 1 tables, not pinned: what an unlucky table costs is the most.
struct FullTables {
  /// The page of the level 2 table.
  let l2 = Pages.take()

  /// Made, protected, ready to be pinned.
  init() {
    let data = Frames.machine(Pages.take())
    for slot in UInt64(0)..<7 {
      let l1 = Pages.take()
      for index in UInt64(0)..<512 { Memory.store64(l1 + index * 8, data << 12 | PageEntry.table) }
      MMU.protect(l1)
      Memory.store64(l2 + slot * 8, Frames.machine(l1) << 12 | PageEntry.table)
    }
    MMU.protect(l2)
  }
}

/// A list of mmuext_op that pins and unpins a level 2 table in turns.
func pinList(_ frame: UInt64, operations: UInt64) -> UInt64 {
  let list = Pages.take((operations * 24 + pageSize - 1) / pageSize)
  for index in 0..<operations {
    Memory.store64(list + index * 24, UInt64(index & 1 == 0 ? MMUEXT_PIN_L2_TABLE : MMUEXT_UNPIN_TABLE))
    Memory.store64(list + index * 24 + 8, frame)
  }
  return list
}

/// A multicall of as many calls as fit a page, all the same.
func makeMulticall(_ operation: Int32, _ arguments: [UInt64]) -> UInt64 {
  let list = Pages.take()
  for index in UInt64(0)..<63 {
    Memory.store64(list + index * 64, UInt64(operation))
    for position in arguments.indices {
      Memory.store64(list + index * 64 + 16 + UInt64(position) * 8, arguments[position])
    }
  }
  return list
}

/// stretch-tables: pins in lists in a multicall, a large batch of updates, clearing and copying, descriptor pages.
func stretchTables() -> Guest {
  Guest("stretch-tables", "calls on page tables keep interrupts off for 200,000 instructions at most") {
    () throws(Failure) in
    var watch = try StretchWatch()
    let full = FullTables()
    let frame = Frames.machine(full.l2)
    _ = MMU.extended(MMUEXT_PIN_L2_TABLE, frame)
    try watch.expect("pin an L2 with seven full L1s")
    _ = MMU.extended(MMUEXT_UNPIN_TABLE, frame)
    try watch.expect("unpin it")
    // Sixty-three lists of sixty-two pins and unpins, in one multicall.
    let list = pinList(frame, operations: 62)
    let calls = makeMulticall(__HYPERVISOR_mmuext_op, [list, 62, 0, UInt64(selfDomain)])
    try expect("multicall", hypercall(__HYPERVISOR_multicall, calls, 63), 0)
    try watch.expect("63 lists of 62 pins and unpins")

    let tables = LowTables()
    tables.pin()
    let count: UInt64 = 20_000
    let updates = Pages.take(count * 16 / pageSize + 1)
    let data = Frames.machine(Pages.take())
    for index in 0..<count {
      Memory.store64(updates + index * 16, EntryPlace(table: tables.l1, index: index % 512).machineAddress)
      Memory.store64(updates + index * 16 + 8, data << 12 | (index & 512 == 0 ? PageEntry.table : PageEntry.present))
    }
    try expect("updates", hypercall(__HYPERVISOR_mmu_update, updates, count, 0, UInt64(selfDomain)), 0)
    try watch.expect("20,000 updates")
    // The entry of a live table that leads to much, in and out, alternating.
    let place = EntryPlace(table: tables.l3, index: 7)
    for index in 0..<count {
      Memory.store64(updates + index * 16, place.machineAddress)
      Memory.store64(updates + index * 16 + 8, index & 1 == 0 ? frame << 12 | PageEntry.table : 0)
    }
    try expect("subtrees", hypercall(__HYPERVISOR_mmu_update, updates, 400, 0, UInt64(selfDomain)), 0)
    try watch.expect("a full subtree put in and taken out, 200 times")

    let copies = Pages.take(8)
    let (from, to) = (Pages.take(), Frames.machine(page: Frames.takeUnmapped()))
    for index in UInt64(0)..<1300 {
      Memory.store64(copies + index * 24, UInt64(MMUEXT_COPY_PAGE))
      Memory.store64(copies + index * 24 + 8, to)
      Memory.store64(copies + index * 24 + 16, Frames.machine(from))
    }
    try expect("copies", hypercall(__HYPERVISOR_mmuext_op, copies, 1300, 0, UInt64(selfDomain)), 0)
    try watch.expect("1,300 pages copied")

    let descriptors = Request()
    for index in UInt64(0)..<14 {
      let page = Pages.take()
      // A flat data segment of ring 3 in every place.
      Memory.fill(page, words: 512, with: 0x00cf_f300_0000_ffff)
      _ = MMU.map(page, 0)
      descriptors.set64(index * 8, Frames.machine(page))
    }
    let old = hypercall(__HYPERVISOR_set_gdt, descriptors.address, 7168)
    note("set_gdt", old)
    try watch.expect("a GDT of 14 full pages")
    try watch.conclude()
  }
}

/// stretch-memory: extents given back, taken, exchanged, singly and large.
func stretchMemory() -> Guest {
  Guest("stretch-memory", "calls on memory keep interrupts off for 200,000 instructions at most") {
    () throws(Failure) in
    var watch = try StretchWatch()
    let count: UInt64 = 4096
    let list = Pages.take(count * 8 / pageSize)
    for index in 0..<count { Memory.store64(list + index * 8, Frames.machine(page: Frames.takeUnmapped())) }
    let request = Request()
    func reserve(_ command: Int32, _ extents: UInt64, order: UInt32) -> Int {
      request.set64(0, list)
      request.set64(8, extents)
      request.set32(16, order)
      request.set32(20, 0)
      request.set16(24, selfDomain)
      return request.call(__HYPERVISOR_memory_op, command)
    }
    try expect("single ones back", reserve(XENMEM_decrease_reservation, count, order: 0), Int(count))
    try watch.expect("4,096 frames given back")
    for index in 0..<count { Memory.store64(list + index * 8, 0x1000 + index) }
    try expect("single ones", reserve(XENMEM_populate_physmap, count, order: 0), Int(count))
    try watch.expect("4,096 frames taken")
    try expect("back", reserve(XENMEM_decrease_reservation, count, order: 0), Int(count))
    _ = try? watch.expect("given back again")
    for index in UInt64(0)..<8 { Memory.store64(list + index * 8, 0x1000 + index * 512) }
    let large = reserve(XENMEM_populate_physmap, 8, order: 9)
    note("extents of 2 MiB", large)
    try watch.expect("8 extents of 2 MiB taken")
    let given = reserve(XENMEM_decrease_reservation, UInt64(max(large, 0)), order: 9)
    try expect("large ones back", given, large)
    try watch.expect("8 extents of 2 MiB given back")
    try watch.conclude()
  }
}

/// stretch-grants: batches of maps, unmaps and copies, and a table with all frames that it may have.
func stretchGrants() -> Guest {
  Guest("stretch-grants", "calls on grants keep interrupts off for 200,000 instructions at most") {
    () throws(Failure) in
    var watch = try StretchWatch()
    let table = try GrantTable.setUp()
    let data = Pages.take()
    for reference in UInt32(8)..<512 { GrantTable.grant(table, reference, frame: Frames.machine(data)) }
    try watch.expect("grant table set up")
    let count: UInt64 = 400
    let windows = Pages.take(count)
    for index in 0..<count { _ = MMU.map(windows + index * pageSize, 0) }
    let batch = Pages.take(count * 32 / pageSize + 1)
    for index in 0..<count {
      // struct gnttab_map_grant_ref.
      let entry = batch + index * 32
      Memory.store64(entry, windows + index * pageSize)
      Memory.store32(entry + 8, 2)
      Memory.store32(entry + 12, UInt32(8 + index))
      Memory.store16(entry + 16, GrantTable.ownDomain)
    }
    _ = try? watch.expect("made ready")
    func operate(_ command: Int32, _ address: UInt64, _ count: UInt64) -> Int {
      hypercall(__HYPERVISOR_grant_table_op, UInt64(command), address, count)
    }
    try expect("map", operate(GNTTABOP_map_grant_ref, batch, count), 0)
    try expect("status", Int16(bitPattern: Memory.load16(batch + 18)), GrantStatus.okay)
    try watch.expect("400 grants mapped")
    for index in 0..<count { Memory.store64(windows + index * pageSize, index) }
    let unmaps = Pages.take(count * 24 / pageSize + 1)
    for index in 0..<count {
      // struct gnttab_unmap_grant_ref.
      Memory.store64(unmaps + index * 24, windows + index * pageSize)
      Memory.store32(unmaps + index * 24 + 16, Memory.load32(batch + index * 32 + 20))
    }
    try expect("unmap", operate(GNTTABOP_unmap_grant_ref, unmaps, count), 0)
    try expect("status", Int16(bitPattern: Memory.load16(unmaps + 20)), GrantStatus.okay)
    try watch.expect("400 grants unmapped")
    let copies = Pages.take(count * 40 / pageSize + 1)
    let target = Frames.machine(Pages.take())
    for index in 0..<count {
      // struct gnttab_copy.
      let entry = copies + index * 40
      Memory.store32(entry, UInt32(8 + index))
      Memory.store16(entry + 8, GrantTable.ownDomain)
      Memory.store64(entry + 16, target)
      Memory.store16(entry + 24, selfDomain)
      Memory.store16(entry + 32, 4096)
      Memory.store16(entry + 34, 1)
    }
    try expect("copy", operate(GNTTABOP_copy, copies, count), 0)
    try expect("status", Int16(bitPattern: Memory.load16(copies + 36)), GrantStatus.okay)
    try watch.expect("400 pages copied")
    let list = Pages.take()
    let request = Request()
    request.set16(0, selfDomain)
    request.set32(4, 64)
    request.set64(16, list)
    _ = GrantTable.operate(GNTTABOP_setup_table, request)
    try watch.expect("grant table of 64 frames")
    try watch.conclude()
  }
}

/// stretch-events: many ports, opened and closed at once, timers due, and calls in a list.
func stretchEvents() -> Guest {
  Guest("stretch-events", "calls on events keep interrupts off for 200,000 instructions at most") {
    () throws(Failure) in
    var watch = try StretchWatch()
    let request = Request()
    var opened = 0
    while opened < 4000 {
      // struct evtchn_alloc_unbound.
      request.set16(0, selfDomain)
      request.set16(2, selfDomain)
      if request.call(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound) != 0 { break }
      opened += 1
    }
    note("ports", opened)
    try watch.expect("4,000 ports opened")
    request.set16(0, selfDomain)
    try expect("reset", request.call(__HYPERVISOR_event_channel_op, EVTCHNOP_reset), 0)
    try watch.expect("4,000 ports reset")
    let calls = makeMulticall(__HYPERVISOR_xen_version, [UInt64(XENVER_capabilities), Pages.take()])
    for _ in 0..<3 { _ = hypercall(__HYPERVISOR_multicall, calls, 63) }
    try watch.expect("63 small calls in a list")
    let traps = Pages.take(16)
    for index in UInt64(0)..<4000 {
      Memory.store64(traps + index * 16, index & 31)
      Memory.store64(traps + index * 16 + 8, 0x1000)
    }
    note("set_trap_table", 4000)
    try watch.expect("made ready")
    try watch.conclude()
  }
}

/// stretch-domains: what Domain 0's tools do: a domain is made, filled with memory, and destroyed.
func stretchDomains() -> Guest {
  Guest("stretch-domains", "making and ending a domain keeps interrupts off for 500,000 instructions at most") {
    () throws(Failure) in
    var watch = try StretchWatch()
    let control = Request()
    func operate(_ command: UInt32, _ domain: UInt16) -> Int {
      control.set32(0, command)
      control.set32(4, 0x15)
      control.set16(8, domain)
      return hypercall(__HYPERVISOR_domctl, control.address)
    }
    // struct xen_domctl_createdomain, from offset 16: max_vcpus, max_evtchn_port, max_grant_frames, max_maptrack_frames,
    // grant_opts (the version).
    control.set32(16 + 28, 128)
    control.set32(16 + 32, 1023)
    control.set32(16 + 36, 32)
    control.set32(16 + 40, 32)
    control.set32(16 + 44, 1)
    try expect("create", operate(1, 0), 0)
    let domain = control.get16(8)
    try watch.expect("a domain made", below: StretchWatch.limitForTools)
    // XEN_DOMCTL_max_vcpus.
    control.set32(16, 128)
    try expect("vCPUs", operate(15, domain), 0)
    try watch.expect("128 vCPUs made", below: StretchWatch.limitForTools)
    // XEN_DOMCTL_max_mem, in KiB.
    control.set64(16, 1 << 20)
    try expect("limit", operate(11, domain), 0)
    let list = Pages.take(8)
    var taken = 0
    for order in [12, 9, 0] as [UInt32] {
      let extents = UInt64(order == 12 ? 8 : order == 9 ? 8 : 4096)
      for index in 0..<extents { Memory.store64(list + index * 8, UInt64(taken) + index << UInt64(order)) }
      let request = Request()
      request.set64(0, list)
      request.set64(8, extents)
      request.set32(16, order)
      request.set16(24, domain)
      let done = request.call(__HYPERVISOR_memory_op, XENMEM_populate_physmap)
      note("extents of order", Int(order))
      note("taken", done)
      taken += max(done, 0) << Int(order)
      try watch.expect("they took", below: StretchWatch.limitForTools)
    }
    try require("some memory", taken > 8192)
    try expect("destroy", operate(2, domain), 0)
    try watch.expect("a large domain destroyed", below: StretchWatch.limitForTools)
    // Until its records are gone.
    Time.spin(20_000_000)
    try watch.expect("and forgotten", below: StretchWatch.limitForTools)
    try watch.conclude()
  }
}
