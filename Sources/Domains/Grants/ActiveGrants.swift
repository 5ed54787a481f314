// SPDX-License-Identifier: Apache-2.0
// The active entries of a domain's grants: the first few in the domain's room, as every domain's console and store are among
// them, and the others in frames that are added as the guest grants more.
import Frames
import Machine
import XenABI

/// Active entries by grant reference. Used under the domain's lock of rank `grantTable`.
struct ActiveGrants: ~Copyable {
  /// The domain's room (DomainRoom.swift).
  let room: MachineFrame
  /// Those that do not stand in the room.
  var further: PagedTable<ActiveEntry>

  /// Unused entries in the room, a cleared frame of the hypervisor's.
  init(room: MachineFrame) {
    self.room = room
    further = PagedTable(directory: room, word: DomainRoom.activeGrants, places: DomainRoom.directoryPlaces)
    for index in 0..<DomainRoom.grants { store(index, .unused) }
  }

  /// How many entries there are. Never fewer than stand in the room.
  @inline(__always)
  var count: Int { DomainRoom.grants &+ further.count }

  /// The entry at `index`. An index that is not below `count` is a bug of ours: guests' references are compared first.
  @inline(__always)
  subscript(index: Int) -> ActiveEntry {
    get {
      guard UInt(bitPattern: index) < UInt(bitPattern: DomainRoom.grants) else {
        return further[index &- DomainRoom.grants]
      }
      return load(index)
    }
    nonmutating set {
      guard UInt(bitPattern: index) < UInt(bitPattern: DomainRoom.grants) else {
        further[index &- DomainRoom.grants] = newValue
        return
      }
      store(index, newValue)
    }
  }

  // In the room an entry is two words: the frame's number; pins in bits 31-0, grantee in bits 47-32, kind from bit 48 on.
  @inline(__always)
  private func load(_ index: Int) -> ActiveEntry {
    let word = DomainRoom.firstGrants &+ index &<< 1
    let rest = PhysicalWindow.load(room, word: word &+ 1)
    return ActiveEntry(
      frame: MachineFrame(PhysicalWindow.load(room, word: word)),
      pins: GrantPins(raw: UInt32(truncatingIfNeeded: rest)),
      grantee: DomainID(UInt16(truncatingIfNeeded: rest &>> 32)),
      kind: GrantKind(rawValue: UInt8(truncatingIfNeeded: rest &>> 48)) ?? .fullPage)
  }

  @inline(__always)
  private func store(_ index: Int, _ entry: ActiveEntry) {
    let word = DomainRoom.firstGrants &+ index &<< 1
    PhysicalWindow.store(room, word: word, entry.frame.number)
    PhysicalWindow.store(
      room, word: word &+ 1,
      UInt64(entry.pins.raw) | UInt64(entry.grantee.raw) &<< 32 | UInt64(entry.kind.rawValue) &<< 48)
  }

  /// Makes at least `count` entries. False without memory.
  @inline(never)
  mutating func grow(to count: Int) -> Bool {
    while self.count < count { guard further.addFrame(initial: .unused) else { return false } }
    return true
  }

  /// Takes back a frame, for the caller to free; nil when only the room is left.
  mutating func shrink() -> MachineFrame? { further.shrink() }
}
