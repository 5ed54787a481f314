// SPDX-License-Identifier: Apache-2.0
//
// The frames of the grant table itself, and the page flip: the table's size, its pages as something else, versions switched
// while pages of the other version are mapped, transfers of what is in use.

import CGuestKit
import GuestKit

/// attack-grant-table: sizes, others' tables, the shared frames as page tables, freed, exchanged.
func grantTableFrames() -> Guest {
  attack("attack-grant-table", "the frames of the grant table stay what they are, and others' stay hidden") {
    () throws(Failure) in
    let table = try GrantTable.setUp()
    let frame = PageEntry.frame(EntryPlace.find(table).value)
    let list = Pages.take()
    let request = Request()
    for count: UInt32 in [0, 1, 2, 64, 65, 1000, 0x8000_0000, ~0] {
      for domain in [selfDomain] + otherDomains() {
        for pointer in [list] + hostileWords {
          // A pointer past the end of our pages could really be one of ours.
          if pointer != list && pointer > 0xffff_8800_0000_0000 { continue }
          request.set16(0, domain)
          request.set32(4, count)
          request.set16(8, 1)
          request.set64(16, pointer)
          let result = GrantTable.operate(GNTTABOP_setup_table, request)
          let status = result != 0 ? result : Int(Int16(bitPattern: request.get16(8)))
          if domain != selfDomain { refused("another's table", status, UInt64(domain)) }
          if count > 1000 { refused("a table without end", status, UInt64(count)) }
        }
        request.set16(0, domain)
        _ = GrantTable.operate(GNTTABOP_query_size, request)
        _ = GrantTable.operate(GNTTABOP_get_version, request)
        // struct gnttab_dump_table: domain, status. On the hypervisor's console, so not for us.
        request.set16(0, domain)
        let dumped = GrantTable.operate(GNTTABOP_dump_table, request)
        refused("dumped", dumped != 0 ? dumped : Int(Int16(bitPattern: request.get16(2))), UInt64(domain))
      }
    }
    for command in [
      MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE, MMUEXT_NEW_BASEPTR,
    ] { refused("a grant frame as a table", MMU.extended(command, frame), UInt64(command)) }
    let call = GrantCall()
    refused("a grant frame transferred", call.transfer(frame, to: 0, 8))
    // struct gnttab_cache_flush: address, offset and length, operation
    for address in foreignFrames() {
      request.set64(0, address << 12)
      request.set32(8, 4096 << 16)
      request.set32(12, 3)
      refused("another's cache lines", GrantTable.operate(GNTTABOP_cache_flush, request), address)
    }
    for command in Int32(13)...60 {
      refused("an unknown operation", GrantTable.operate(command, request), UInt64(command))
    }
    for count: UInt64 in [~0, 1 << 32, 0x8000_0000] {
      for command in Int32(0)...12 {
        _ = hypercall(__HYPERVISOR_grant_table_op, UInt64(command), 0xffff_8300_0000_0000, count)
      }
    }
    // Twice writable, both live: the same frame, no more.
    let again = Pages.take()
    try expect("mapped twice", MMU.map(again, frame << 12 | 3), 0)
    Memory.store32(again + 4000, 0x77)
    try expect("both show it", Memory.load32(table + 4000), 0x77)
  }
}

/// attack-grant-versions: version 1 and 2 in turn, with frames of either left mapped.
func grantVersions() -> Guest {
  attack("attack-grant-versions", "status frames left mapped over a change of version are safe") { () throws(Failure) in
    let call = GrantCall()
    let list = Pages.take()
    let windows = Pages.take(8)
    for round in UInt64(0)..<32 {
      call.request.set32(0, round & 1 == 0 ? 2 : 1)
      _ = GrantTable.operate(GNTTABOP_set_version, call.request)
      // struct gnttab_get_status_frames: count, domain, status; list
      call.request.set32(0, UInt32(truncatingIfNeeded: [1, 1, 4, ~0, 0, 1, 2, 64][Int(round & 7)]))
      call.request.set16(4, selfDomain)
      call.request.set16(6, 1)
      call.request.set64(8, list)
      let result = GrantTable.operate(GNTTABOP_get_status_frames, call.request)
      if result == 0 && call.request.get16(6) == 0 && Memory.load64(list) != 0 {
        let window = windows + (round & 7) * pageSize
        if MMU.map(window, Memory.load64(list) << 12 | 3) == 0 {
          for word in UInt64(0)..<512 { Memory.store64(window + word * 8, ~0) }
        }
      }
      for domain in otherDomains() {
        call.request.set32(0, 1)
        call.request.set16(4, domain)
        call.request.set16(6, 1)
        call.request.set64(8, list)
        let other = GrantTable.operate(GNTTABOP_get_status_frames, call.request)
        let status = other != 0 ? other : Int(Int16(bitPattern: call.request.get16(6)))
        refused("another's status frames", status, UInt64(domain))
      }
    }
    try expect("hypercalls still work", hypercall(__HYPERVISOR_xen_version, 0), 4 << 16 | 17)
  }
}

/// attack-grant-transfer: tables, mapped pages, shared pages and others' frames given away, to everybody.
func grantTransfer() -> Guest {
  attack("attack-grant-transfer", "nothing in use and nothing of others is transferred") { () throws(Failure) in
    let call = GrantCall()
    let mapped = Pages.take()
    var frames = foreignFrames()
    frames += [Frames.machine(mapped), StartInfo.sharedInfo >> 12, StartInfo.consoleFrame]
    for level in UInt64(1)...4 { frames.append(Frames.machine(EntryPlace.find(mapped, level: level).table)) }
    for domain in otherDomains() + [selfDomain, GrantTable.ownDomain] {
      for frame in frames {
        for reference: UInt32 in [0, 8, Victim.grant, 511, ~0] {
          refused("transferred", call.transfer(frame, to: domain, reference), frame)
        }
      }
    }
    // A page that may go, to those who have not asked for it.
    let free = Pages.take()
    let frame = Frames.machine(free)
    _ = MMU.map(free, 0)
    for domain in otherDomains() {
      for reference in UInt32(0)..<64 {
        refused("given to who has not asked", call.transfer(frame, to: domain, reference), UInt64(domain))
      }
    }
  }
}
