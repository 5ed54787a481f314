// SPDX-License-Identifier: Apache-2.0
// Values that come close to what a hypercall wants: frames, page-table entries, pointers, domain numbers.
import Domains
import Frames
import Machine
import XenABI

extension Episode {
  /// A frame for use as table of `level` (0: data), the guest's own most of the time.
  func frame(_ guest: Guest, level: Int) -> MachineFrame {
    switch random.below(40) {
    case 0: return MachineFrame(UInt64(random.below(Int(FuzzMachine.frames))))
    case 1: return MachineFrame(FuzzMachine.frames - 16 + UInt64(random.below(20)))
    case 2: return MachineFrame(random.number())
    case 3: return random.pick(random.pick(guests).all)
    case 4: return random.pick(guests).domain[].sharedInfo
    case 5: return random.pick(guest.all)
    case 6:
      return random.pick([machine.root, Ref<Hypervisor>.shared[].machineToPhysical.first, .invalid, MachineFrame(0)])
    default: return level == 0 ? random.pick(guest.data) : random.pick(guest.tables[min(level, 4)])
    }
  }

  /// An entry for a table of `level`: most of them could be admitted.
  func entry(_ guest: Guest, level: Int) -> UInt64 {
    let kind = random.below(32)
    if kind == 0 { return random.next() }
    if kind < 6 { return kind == 1 ? random.next() & ~PTE.present : 0 }
    // Read-only mappings of tables at level 1; linear tables above; a level too low or too high now and then.
    var target = level - 1
    if level == 1 && random.chance(25) { target = 1 + random.below(4) }
    if level > 1 && random.chance(12) { target = random.chance(70) ? level : random.below(5) }
    var value = (frame(guest, level: target).number << 12) & PTE.frameMask | PTE.present
    if random.chance(90) { value |= PTE.user }
    if random.chance(level == 1 ? (target == 0 ? 60 : 10) : (target == level ? 10 : 60)) { value |= PTE.writable }
    if random.chance(20) { value |= PTE.accessed }
    if random.chance(20) { value |= PTE.dirty }
    switch random.below(64) {
    case 0: value |= PTE.large
    case 1: value |= PTE.cacheDisable
    case 2: value |= PTE.grantMapping
    case 3: value |= 1 << 45
    case 4: value |= PTE.noExecute
    case 5: value |= PTE.global
    default: break
    }
    return value
  }

  /// The index of an entry: few places, so that they are used again and again; the hypervisor's slots at times.
  func index(level: Int) -> Int {
    switch random.below(16) {
    case 0: return random.below(512)
    case 1: return 511
    case 2: return level == 4 ? 255 + random.below(18) : 128
    default:
      // The first entries of the guest's tables hold what it lives by: leave those mostly alone.
      return 130 + random.below(6)
    }
  }

  /// A pointer to arguments of `bytes` bytes that have been written there; a bad one at times.
  func pointer(_ bytes: Int) -> UInt64 {
    if random.below(50) != 0 { return Guest.argument(0) + UInt64(cursor - bytes) }
    switch random.below(10) {
    case 0: return 0
    case 1: return 0xffff_8000_0000_0000 &- UInt64(random.below(64))
    case 2: return 0xffff_8300_0000_0000 + random.next() & 0xff_ffff
    case 3: return UInt64.max &- UInt64(random.below(64))
    case 4: return 0x0000_7fff_ffff_fff8
    case 5: return 0x0000_8000_0000_0000
    case 6: return Guest.slots + UInt64(random.below(512)) << 12
    case 7: return Guest.argument(Guest.argumentPages) - UInt64(random.below(32))
    case 8: return Guest.dataPage(Guest.dataPages) - UInt64(random.below(32))
    default: return random.next()
    }
  }

  /// A domain's number.
  func domainNumber() -> UInt16 {
    switch random.below(16) {
    case 0: return 0
    case 1: return DomainID.io.raw
    case 2: return DomainID.xen.raw
    case 3: return DomainID.invalid.raw
    case 4: return 10
    case 5: return UInt16(truncatingIfNeeded: random.next())
    case 6...9: return DomainID.current.raw
    default: return UInt16(1 + random.below(3))
    }
  }

  /// The argument that says on whose tables and frames a page-table call works.
  func subject() -> UInt64 {
    if random.chance(85) { return UInt64(DomainID.current.raw) }
    let tables = random.chance(50) ? 0 : UInt64(domainNumber()) + 1
    return tables << 16 | UInt64(domainNumber())
  }

  /// A linear address: a page of the guest's, mostly one of those that change.
  func linear() -> UInt64 {
    switch random.below(16) {
    case 0: return random.next()
    case 1: return Guest.base + UInt64(random.below(512)) << 12
    case 2: return 0xffff_8000_0000_0000 + random.next() & 0x7ff_ffff_ffff
    case 3: return UInt64(random.below(512)) << 39 | UInt64(random.below(8)) << 12
    case 4...6: return Guest.dataPage(random.below(Guest.dataPages))
    default: return Guest.slots + UInt64(130 + random.below(6)) << 12
    }
  }

  // ---- Arguments ----

  /// Starts a new call's arguments.
  func beginArguments() { cursor = random.below(8) * 8 }

  /// Writes one word where arguments go, as the guest.
  func put(_ word: UInt64) {
    let address = LinearAddress(Guest.argument(0) + UInt64(cursor))
    _ = try? GuestMemory.write(address, word)
    cursor += 8
  }
}
