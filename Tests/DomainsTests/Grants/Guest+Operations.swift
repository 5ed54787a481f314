// SPDX-License-Identifier: Apache-2.0
// What guests do with grants, in one line each.
import Machine
import SimulatedMachine
import XenABI

@testable import Domains

extension Guest {
  /// The frame with a run of this guest's shared entries.
  func tableFrame(_ index: Int) -> MachineFrame {
    domain[].grants.withLock { table in table.frame(ofTableIndex: UInt64(index))! }
  }

  /// Writes a version 1 entry.
  func grant1(_ reference: UInt32, flags: UInt32, to grantee: UInt16, _ frame: UInt64) {
    let value = UInt64(flags & 0xffff) | UInt64(grantee) << 16 | frame << 32
    PhysicalWindow.store(tableFrame(Int(reference >> 9)), word: Int(reference & 511), value)
  }

  /// Writes a version 2 entry: its first and second 8-byte words.
  func grant2(_ reference: UInt32, flags: UInt32, to grantee: UInt16, upper: UInt32 = 0, _ second: UInt64) {
    let frame = tableFrame(Int(reference >> 8))
    let word = Int(reference & 255) * 2
    PhysicalWindow.store(frame, word: word + 1, second)
    PhysicalWindow.store(frame, word: word, UInt64(flags & 0xffff) | UInt64(grantee) << 16 | UInt64(upper) << 32)
  }

  /// Grants a frame in whatever version is in force.
  func permit(_ reference: UInt32, to grantee: UInt16, _ frame: MachineFrame, readOnly: Bool = false) {
    let flags = GrantEntryFlag.permitAccess | (readOnly ? GrantEntryFlag.readOnly : 0)
    if version == 1 {
      grant1(reference, flags: flags, to: grantee, frame.number)
    } else {
      grant2(reference, flags: flags, to: grantee, frame.number)
    }
  }

  var version: Int { domain[].grants.withLock { table in table.version } }

  /// The marks GTF_reading and GTF_writing as the guest sees them.
  func marks(_ reference: UInt32) -> UInt32 { domain[].grants.withLock { table in table.marks(Int(reference)) } }

  /// Takes an entry back the way guests do: false if it is in use.
  func revoke(_ reference: UInt32) -> Bool {
    let isFirst = version == 1
    let status = isFirst ? tableFrame(0) : domain[].grants.withLock { $0.frame(ofStatusIndex: 0)! }
    return Guest.revoke(reference, UInt32(version), tableFrame(Int(reference >> (isFirst ? 9 : 8))), status)
  }

  /// As above, with the frames of the entry and of its status.
  static func revoke(_ reference: UInt32, _ version: UInt32, _ frame: MachineFrame, _ status: MachineFrame) -> Bool {
    if version == 1 {
      let word = Int(reference & 511) * 2
      let seen = PhysicalWindow.load32(frame, word: word)
      if seen & (GrantEntryFlag.reading | GrantEntryFlag.writing) != 0 { return false }
      return PhysicalWindow.compareExchange32(frame, word: word, expected: seen, desired: seen & 0xffff_0000) == seen
    }
    // A locked operation: the status is looked at after the flags are seen to be gone.
    PhysicalWindow.fetchAnd16(frame, word: Int(reference & 255) * 8, 0)
    return PhysicalWindow.load16(status, word: Int(reference & 2047)) == 0
  }

  func setVersion(_ version: UInt32) -> Int64 { run(.setVersion, [SetVersionEntry(version: version)]).0 }

  func mapEntry(_ flags: GrantMapFlags, _ reference: UInt32, of granter: UInt16, at address: UInt64) -> MapGrantEntry {
    var entry = MapGrantEntry()
    entry.host_addr = address
    entry.flags = flags.rawValue
    entry.ref = reference
    entry.dom = granter
    entry.status = 0x77
    return entry
  }

  func map(_ flags: GrantMapFlags, _ reference: UInt32, of granter: UInt16, at address: UInt64) -> MapGrantEntry {
    let (result, entries) = run(.mapGrantRef, [mapEntry(flags, reference, of: granter, at: address)])
    precondition(result == 0)
    return entries[0]
  }

  func unmapEntry(_ handle: UInt32, _ address: UInt64, bus: UInt64 = 0) -> UnmapGrantEntry {
    UnmapGrantEntry(host_addr: address, dev_bus_addr: bus, handle: handle, status: 0x77)
  }

  func unmap(_ handle: UInt32, _ address: UInt64, bus: UInt64 = 0) -> GrantStatus? {
    let (result, entries) = run(.unmapGrantRef, [unmapEntry(handle, address, bus: bus)])
    precondition(result == 0)
    return GrantStatus(rawValue: entries[0].status)
  }

  /// One side of a copy: a grant, or a frame of the caller's.
  enum Side {
    case grant(UInt32, UInt16)
    case frame(MachineFrame, UInt16 = DomainID.current.raw)
  }

  func copyEntry(_ from: Side, _ fromOffset: Int, _ to: Side, _ toOffset: Int, _ count: Int) -> CopyEntry {
    var entry = CopyEntry()
    switch from {
    case .grant(let reference, let granter):
      entry.source = UInt64(reference)
      entry.source_domid = granter
      entry.flags |= GrantCopyFlag.sourceIsGrant
    case .frame(let frame, let owner):
      entry.source = frame.number
      entry.source_domid = owner
    }
    switch to {
    case .grant(let reference, let granter):
      entry.dest = UInt64(reference)
      entry.dest_domid = granter
      entry.flags |= GrantCopyFlag.destinationIsGrant
    case .frame(let frame, let owner):
      entry.dest = frame.number
      entry.dest_domid = owner
    }
    entry.source_offset = UInt16(fromOffset)
    entry.dest_offset = UInt16(toOffset)
    entry.len = UInt16(count)
    entry.status = 0x77
    return entry
  }

  func copy(_ from: Side, _ fromOffset: Int = 0, _ to: Side, _ toOffset: Int = 0, _ count: Int = 4096) -> GrantStatus? {
    let (result, entries) = run(.copy, [copyEntry(from, fromOffset, to, toOffset, count)])
    precondition(result == 0)
    return GrantStatus(rawValue: entries[0].status)
  }
}
