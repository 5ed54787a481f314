// SPDX-License-Identifier: Apache-2.0
//
// Grants that nobody has made: mapping, copying and transferring what others have not granted, and own entries that lie.

import CGuestKit
import GuestKit

/// One structure of the grant table ABI, used over and over.
struct GrantCall {
  let request = Request()

  /// GNTTABOP_map_grant_ref; the status, or the hypercall's error if it is lower, and the handle.
  func map(_ reference: UInt32, at address: UInt64, flags: UInt32, domain: UInt16) -> (status: Int, handle: UInt32) {
    request.set64(0, address)
    request.set32(8, flags)
    request.set32(12, reference)
    request.set16(16, domain)
    request.set16(18, 1)
    let result = GrantTable.operate(GNTTABOP_map_grant_ref, request)
    return (result != 0 ? result : Int(Int16(bitPattern: request.get16(18))), request.get32(20))
  }

  /// GNTTABOP_unmap_grant_ref; the status.
  func unmap(_ handle: UInt32, at address: UInt64, bus: UInt64 = 0) -> Int {
    request.set64(0, address)
    request.set64(8, bus)
    request.set32(16, handle)
    request.set16(20, 1)
    let result = GrantTable.operate(GNTTABOP_unmap_grant_ref, request)
    return result != 0 ? result : Int(Int16(bitPattern: request.get16(20)))
  }

  /// GNTTABOP_copy between (frame or reference, domain, offset) pairs; the status.
  func copy(
    _ source: (UInt64, UInt16, UInt16), _ target: (UInt64, UInt16, UInt16), length: UInt16, flags: UInt16
  ) -> Int {
    request.set64(0, source.0)
    request.set16(8, source.1)
    request.set16(10, source.2)
    request.set64(16, target.0)
    request.set16(24, target.1)
    request.set16(26, target.2)
    request.set16(32, length)
    request.set16(34, flags)
    request.set16(36, 1)
    let result = GrantTable.operate(GNTTABOP_copy, request)
    return result != 0 ? result : Int(Int16(bitPattern: request.get16(36)))
  }

  /// GNTTABOP_transfer; the status.
  func transfer(_ frame: UInt64, to domain: UInt16, _ reference: UInt32) -> Int {
    request.set64(0, frame)
    request.set16(8, domain)
    request.set32(12, reference)
    request.set16(16, 1)
    let result = GrantTable.operate(GNTTABOP_transfer, request)
    return result != 0 ? result : Int(Int16(bitPattern: request.get16(16)))
  }
}

/// attack-grant-forge: every reference of every domain, mapped and copied.
func grantForge() -> Guest {
  attack("attack-grant-forge", "no reference of another domain can be mapped or copied") { () throws(Failure) in
    let call = GrantCall()
    let window = Pages.take()
    _ = MMU.map(window, 0)
    let own = Frames.machine(Pages.take())
    for domain in otherDomains() {
      for number in UInt32(0)..<600 {
        let reference = number < 512 ? number : number == 512 ? ~0 : UInt32(truncatingIfNeeded: randomWord())
        for flags: UInt32 in [2, 6, 1, 3, 0] {
          if number > 40 && number < 500 && flags != 2 { continue }
          let mapped = call.map(reference, at: window, flags: flags, domain: domain)
          refused("mapped", mapped.status, UInt64(domain) << 32 | UInt64(reference))
        }
        refused(
          "copied from", call.copy((UInt64(reference), domain, 0), (own, selfDomain, 0), length: 8, flags: 1),
          UInt64(reference))
        refused(
          "copied to", call.copy((own, selfDomain, 0), (UInt64(reference), domain, 0), length: 8, flags: 2),
          UInt64(reference))
      }
      // Frames of others are not to be named in a copy.
      refused(
        "copied from a frame", call.copy((Victim.frame, domain, 0), (own, selfDomain, 0), length: 8, flags: 0))
      refused("copied to a frame", call.copy((own, selfDomain, 0), (Victim.frame, domain, 0), length: 8, flags: 0))
    }
    for frame in foreignFrames() {
      refused(
        "copied from a frame", call.copy((frame, selfDomain, 0), (own, selfDomain, 0), length: 8, flags: 0), frame)
      refused("copied to a frame", call.copy((own, selfDomain, 0), (frame, selfDomain, 0), length: 8, flags: 0), frame)
    }
  }
}

/// attack-grant-lies: own entries that grant others' frames, tables and nothing, then mapped by ourselves.
func grantLies() -> Guest {
  attack("attack-grant-lies", "a grant of what is not ours to grant gives nothing") { () throws(Failure) in
    let table = try GrantTable.setUp()
    let call = GrantCall()
    let window = Pages.take()
    _ = MMU.map(window, 0)
    let me = GrantTable.ownDomain
    var frames = foreignFrames()
    frames += [Frames.machine(StartInfo.pageTableBase), Frames.machine(EntryPlace.find(window).table)]
    for frame in frames where frame >> 32 == 0 {
      for flags: UInt16 in [1, 1 | 4, 1 | 8 | 16, 2, 3, 0xffff, 0] {
        GrantTable.grant(table, 30, frame: frame, domain: me)
        Memory.store16(table + 240, flags)
        let mapped = call.map(30, at: window, flags: 2, domain: me)
        if mapped.status >= 0 { breach("mapped writable by a grant that lies", frame) }
        // Reading one's own tables is no harm; all others are not ours to grant.
        let read = call.map(30, at: window, flags: 6, domain: me)
        if read.status >= 0 {
          if frame != frames[frames.count - 1] && frame != frames[frames.count - 2] { breach("mapped", frame) }
          try expect("unmapped", call.unmap(read.handle, at: window), 0)
        }
        refused("copied into it", call.copy((Frames.machine(table), selfDomain, 0), (30, me, 0), length: 8, flags: 2))
        Memory.store16(table + 240, 0)
      }
    }
    // Offsets and lengths over the end.
    let page = Frames.machine(Pages.take())
    GrantTable.grant(table, 31, frame: page, domain: me)
    for (from, to, length) in [
      (UInt16(4095), UInt16(0), UInt16(2)), (0, 4095, 2), (4096, 0, 1), (0, 0xffff, 1), (0, 0, 4097), (1, 0, 4096),
      (0xffff, 0xffff, 0xffff), (2048, 2048, 0xf801),
    ] {
      refused("over the end", call.copy((31, me, from), (page, selfDomain, to), length: length, flags: 1))
      refused("over the end", call.copy((page, selfDomain, from), (31, me, to), length: length, flags: 2))
    }
    refused("with unknown flags", call.copy((31, me, 0), (page, selfDomain, 0), length: 8, flags: 0xfff8))
  }
}

/// attack-grant-addresses: good grants mapped to bad places: tables, others' entries, the hypervisor.
func grantAddresses() -> Guest {
  attack("attack-grant-addresses", "a grant is not mapped to where the guest may not map") { () throws(Failure) in
    let table = try GrantTable.setUp()
    let call = GrantCall()
    let page = Pages.take()
    let me = GrantTable.ownDomain
    GrantTable.grant(table, 40, frame: Frames.machine(page), domain: me)
    for address in hostileWords where address >= 0x8000_0000_0000 {
      for flags: UInt32 in [2, 6, 2 | 8, 2 | 16, 0xffff_fffe] where address < ~0xfff_ffff || flags & 16 != 0 {
        refused("mapped there", call.map(40, at: address, flags: flags, domain: me).status, address)
      }
    }
    // GNTMAP_contains_pte (16): the address is that of an entry, in others' tables, in upper tables, in no table, unaligned.
    for frame in foreignFrames() {
      refused("in another's entry", call.map(40, at: frame << 12 | 8, flags: 2 | 16, domain: me).status, frame)
    }
    for level in UInt64(2)...4 {
      let place = EntryPlace.find(page, level: level)
      refused("in an upper entry", call.map(40, at: place.machineAddress, flags: 18, domain: me).status, level)
    }
    refused("in a plain page", call.map(40, at: Frames.machine(page) << 12, flags: 18, domain: me).status)
    let window = Pages.take()
    let place = EntryPlace.find(window)
    for offset: UInt64 in [1, 4, 7] {
      refused(
        "across two entries", call.map(40, at: place.machineAddress + offset, flags: 18, domain: me).status, offset)
    }
    _ = MMU.map(window, 0)
    let good = call.map(40, at: place.machineAddress, flags: 18, domain: me)
    try expect("in the right entry", good.status, 0)
    refused("unmapped from a wrong entry", call.unmap(good.handle, at: place.machineAddress + 8))
    refused("unmapped from another's entry", call.unmap(good.handle, at: Victim.table << 12))
    try expect("unmapped from the right one", call.unmap(good.handle, at: place.machineAddress), 0)
  }
}
