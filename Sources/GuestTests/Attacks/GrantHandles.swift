// SPDX-License-Identifier: Apache-2.0
//
// Handles of mappings: replayed, guessed, used with the wrong address; and frames that change while they are mapped.

import CGuestKit
import GuestKit

/// attack-grant-handles: stale handles replayed, all others guessed, unmap_and_replace to bad places.
func grantHandles() -> Guest {
  attack("attack-grant-handles", "stale, guessed and others' handles unmap nothing") { () throws(Failure) in
    let table = try GrantTable.setUp()
    let call = GrantCall()
    let page = Pages.take()
    let window = Pages.take()
    let second = Pages.take()
    _ = MMU.map(window, 0)
    _ = MMU.map(second, 0)
    let me = GrantTable.ownDomain
    GrantTable.grant(table, 50, frame: Frames.machine(page), domain: me)
    try storm(200) { () throws(Failure) in
      let mapped = call.map(50, at: window, flags: 2, domain: me)
      try expect("mapped", mapped.status, 0)
      refused("unmapped elsewhere", call.unmap(mapped.handle, at: second))
      refused("unmapped from a hostile place", call.unmap(mapped.handle, at: 0xffff_8300_0000_0000))
      try expect("unmapped", call.unmap(mapped.handle, at: window), 0)
      refused("unmapped twice", call.unmap(mapped.handle, at: window))
    }
    let mapped = call.map(50, at: window, flags: 2, domain: me)
    for number in UInt32(0)..<2000 where number != mapped.handle {
      refused("a guessed handle", call.unmap(number, at: window), UInt64(number))
    }
    for number in hostileWords where UInt32(truncatingIfNeeded: number) != mapped.handle {
      refused("a guessed handle", call.unmap(UInt32(truncatingIfNeeded: number), at: window), number)
    }
    try expectNoFault("it is still mapped", attemptStore(window, 4))
    // struct gnttab_unmap_and_replace: address, new address, handle, status
    for address in hostileWords where address != 0 && address < ~0xfff_ffff && address != 0x1_0000_0000 {
      call.request.set64(0, window)
      call.request.set64(8, address)
      call.request.set32(16, mapped.handle)
      call.request.set16(20, 1)
      let result = GrantTable.operate(GNTTABOP_unmap_and_replace, call.request)
      if result == 0 && Int16(bitPattern: call.request.get16(20)) >= 0 {
        breach("replaced by a hostile place", address)
      }
    }
    // What is mapped by a grant is not to be unmapped as an ordinary page and then as a grant.
    _ = MMU.map(window, 0)
    _ = call.unmap(mapped.handle, at: window)
    refused("and once more", call.unmap(mapped.handle, at: window))
  }
}

/// attack-grant-changes: the granting side changes its mind while the grant is mapped.
func grantChanges() -> Guest {
  attack("attack-grant-changes", "entries, frames and versions that change under a mapping free nothing in use") {
    () throws(Failure) in
    let table = try GrantTable.setUp()
    let call = GrantCall()
    let window = Pages.take()
    _ = MMU.map(window, 0)
    let me = GrantTable.ownDomain
    let list = Pages.take()
    let request = Request()
    for round in UInt64(0)..<8 {
      let page = Pages.take()
      let frame = Frames.machine(page)
      Memory.store64(page, round)
      GrantTable.grant(table, 60, frame: frame, domain: me)
      let mapped = call.map(60, at: window, flags: 2, domain: me)
      try expect("mapped", mapped.status, 0)
      // The entry: another frame, another domain, no flags, nonsense flags.
      Memory.store32(table + 484, UInt32(truncatingIfNeeded: Victim.frame))
      Memory.store16(table + 482, Victim.domain)
      Memory.store16(table + 480, [0, 0xffff, 2, 8 | 16, 1, 3, 4, 0x100][Int(round)])
      try expect("it is still that frame", Memory.load64(window), round)
      // The frame: as a page table, given back, exchanged, transferred.
      MMU.protect(page)
      refused("as a page table while mapped writable", MMU.extended(MMUEXT_PIN_L1_TABLE, frame))
      _ = MMU.map(page, 0)
      refused("as a page table, unmapped here", MMU.extended(MMUEXT_PIN_L1_TABLE, frame))
      refused("transferred while mapped", call.transfer(frame, to: 0, 8))
      Memory.store64(list, frame)
      request.set64(0, list)
      request.set64(8, 1)
      request.set64(16, 0)
      request.set64(24, UInt64(selfDomain))
      _ = request.call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation)
      try expect("the mapping still holds it", Memory.load64(window), round)
      // The table: other versions are refused or leave the mapping whole.
      for version: UInt32 in [2, 1, 2, 1, 0, 3, ~0] {
        call.request.set32(0, version)
        _ = GrantTable.operate(GNTTABOP_set_version, call.request)
      }
      call.request.set32(0, 60)
      call.request.set32(4, 61)
      _ = GrantTable.operate(GNTTABOP_swap_grant_ref, call.request)
      try expect("the mapping still holds it", Memory.load64(window), round)
      try expect("unmapped", call.unmap(mapped.handle, at: window), 0)
      Memory.store64(table + 480, 0)
      Memory.store64(table + 488, 0)
    }
  }
}

/// attack-grant-exhaust: mappings until the limit, left behind for the destruction to clear up.
func grantExhaust() -> Guest {
  attack("attack-grant-exhaust", "thousands of mappings, never undone, are cleared up with the domain") {
    () throws(Failure) in
    let table = try GrantTable.setUp()
    let call = GrantCall()
    let page = Pages.take()
    let me = GrantTable.ownDomain
    GrantTable.grant(table, 70, frame: Frames.machine(page), domain: me)
    var count = 0
    var status = 0
    // Each into a place of its own in a table of its own.
    while count < 2048 && status == 0 {
      let l1 = Pages.take()
      MMU.protect(l1)
      try expect("pin", MMU.extended(MMUEXT_PIN_L1_TABLE, Frames.machine(l1)), 0)
      for index in UInt64(0)..<512 {
        status = call.map(70, at: Frames.machine(l1) << 12 | index * 8, flags: 18, domain: me).status
        if status != 0 { break }
        count += 1
      }
    }
    try require("hundreds were given", count > 100)
    note("mappings", count)
    GrantTable.grant(table, 71, frame: Frames.machine(table), domain: me)
    Memory.store16(table + 560, 0)
  }
}
