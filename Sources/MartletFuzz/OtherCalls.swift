// SPDX-License-Identifier: Apache-2.0
// Random calls about everything else: grants, events, time, the console; numbers that nobody has; lists of calls.
import Domains
import Frames
import Hypercalls
import Machine
import XenABI

extension Episode {
  /// `multicall` with a few of the others in it.
  func list(_ guest: Guest) -> Call {
    // The calls' own arguments come first, the list after them.
    var calls: [Call] = []
    for _ in 0..<(1 + random.below(4)) {
      switch random.below(isWide ? 7 : 5) {
      case 0: calls.append(pageTableUpdates(guest))
      case 1: calls.append(extendedOperations(guest))
      case 2, 3: calls.append(mappingUpdate(guest))
      case 4: calls.append(descriptorCall(guest))
      case 5: calls.append(eventCall(guest))
      default: calls.append(Call(random.number(), random.number(), random.number()))
      }
    }
    let start = cursor
    for call in calls {
      put(call.number)
      put(random.next())
      for index in 0..<6 { put(index < call.arguments.count ? call.arguments[index] : 0) }
    }
    return Call(13, pointer(cursor - start), UInt64(calls.count))
  }

  /// Writes words that could be anything: small numbers, domains, frames, addresses.
  private func anything(_ guest: Guest, words: Int) {
    for _ in 0..<words {
      switch random.below(6) {
      case 0: put(UInt64(domainNumber()) | UInt64(random.below(64)) << 32)
      case 1: put(frame(guest, level: random.below(3)).number)
      case 2: put(linear())
      case 3: put(UInt64(random.below(64)) << 32 | UInt64(random.below(64)))
      default: put(random.number())
      }
    }
  }

  /// `grant_table_op`.
  func grantCall(_ guest: Guest) -> Call {
    if random.chance(30) { offerGrants(guest) }
    let command = random.pick([0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12, 13] as [UInt64])
    let count = 1 + random.below(3)
    let start = cursor
    for _ in 0..<count { grantEntry(guest, command) }
    return Call(20, command, pointer(cursor - start), random.chance(95) ? UInt64(count) : random.number())
  }

  private func grantEntry(_ guest: Guest, _ command: UInt64) {
    let reference = UInt64(random.below(24))
    let place = random.chance(60) ? linear() : frame(guest, level: 1).number << 12 | UInt64(130 + random.below(6)) << 3
    switch command {
    case 0:  // gnttab_map_grant_ref: host_addr, flags, ref, dom | status, handle, dev_bus_addr
      let isEntry = random.chance(30)
      let flags = random.chance(85) ? 2 | UInt64(random.below(2)) << 2 | (isEntry ? 16 : 0) : UInt64(random.below(64))
      put(
        random.chance(5)
          ? place
          : isEntry
            ? guest.slotTable.physical + UInt64(130 + random.below(6)) * 8
            : Guest.slots + UInt64(130 + random.below(6)) << 12)
      put(flags | reference << 32)
      put(UInt64(random.chance(90) ? UInt16(1 + random.below(3)) : domainNumber()))
      put(0)
    case 1, 7:  // gnttab_unmap_grant_ref: host_addr, dev_bus_addr, handle | status; _and_replace: new_addr
      put(place)
      put(command == 7 ? linear() : random.chance(70) ? 0 : frame(guest, level: 0).number << 12)
      put(UInt64(random.below(16)))
    case 2:  // gnttab_setup_table: dom, nr_frames, status, frame_list
      put(UInt64(random.chance(80) ? DomainID.current.raw : domainNumber()) | UInt64(random.below(6)) << 32)
      put(0)
      put(Guest.argument(3))
    case 5:  // gnttab_copy: source and destination (ref or frame, domid, offset), len, flags, status
      for _ in 0..<2 {
        put(random.chance(50) ? reference : frame(guest, level: 0).number)
        put(UInt64(domainNumber()) | UInt64(random.below(4200)) << 16)
      }
      put(UInt64(random.below(4200)) | UInt64(random.below(4)) << 16)
    default: anything(guest, words: 4)
    }
  }

  /// The guest writes entries into the first frame of its grant table: version 1's, whatever the version.
  private func offerGrants(_ guest: Guest) {
    let table = guest.grantFrame
    guard ledger[].owner(table) == DomainID(guest.id), ledger[].type(table).type == .writable else { return }
    for _ in 0..<3 {
      let flags = random.pick([0, 1, 1, 1, 5, 2, 3, 0x101] as [UInt64])
      PhysicalWindow.store(
        table, word: random.below(24),
        flags | UInt64(1 + random.below(3)) << 16 | frame(guest, level: random.below(2)).number << 32)
    }
  }

  /// `event_channel_op`.
  func eventCall(_ guest: Guest) -> Call {
    let start = cursor
    let command = UInt64(random.below(16))
    switch command {
    case 11 where random.chance(80):  // init_control: frame, offset, vcpu
      put(frame(guest, level: 0).number)
      put(UInt64(random.below(513) * 8) | UInt64(random.below(4)) << 32)
    case 12 where random.chance(80): put(frame(guest, level: 0).number)
    default:
      for _ in 0..<3 {
        put(
          random.chance(50)
            ? UInt64(domainNumber()) | UInt64(random.chance(50) ? domainNumber() : UInt16(random.below(12))) << 16
              | UInt64(random.below(12)) << 32
            : UInt64(random.below(12)) | UInt64(random.below(12)) << 32)
      }
    }
    return Call(random.chance(95) ? 32 : 16, command, pointer(cursor - start))
  }

  /// Any other number, with arguments that may mean something.
  func otherCall(_ guest: Guest) -> Call {
    let start = cursor
    let number = random.pick(
      [0, 4, 6, 7, 17, 17, 18, 19, 28, 29, 29, 29, 30, 33, 33, 33, UInt64(random.below(64)), random.number()]
        as [UInt64])
    var command = random.chance(90) ? UInt64(random.below(34)) : random.number()
    // A domain that shuts down is out of the game: rarely.
    if number == 6 || number == 29, command == 2 || command == 4 || command == 6, !random.chance(2) { command = 1 }
    if number == 23 || number == 11 { return Call(63) }
    anything(guest, words: 8)
    switch number {
    case 0: return Call(0, pointer(cursor - start))
    case 4: return Call(4, Guest.code, random.chance(80) ? Guest.code : random.next(), Guest.code)
    case 18: return Call(18, UInt64(random.below(2)), UInt64(random.below(5000)), pointer(cursor - start))
    case 7: return Call(7, pointer(cursor - start))
    default: return Call(number, command, pointer(cursor - start), random.number(), random.number())
    }
  }

  /// A privileged instruction, or bytes that look like one.
  func instruction(_ guest: Guest, _ vcpu: Ref<VCPU>) {
    let codes: [[UInt8]] = [
      [0x0f, 0xa2], [0x0f, 0x32], [0x0f, 0x30], [0xec], [0xee], [0xed], [0xef], [0xe4, 0x70], [0xe6, 0x70], [0xfa],
      [0xfb],
      [0x0f, 0x20, 0xd8], [0x0f, 0x22, 0xd8], [0x0f, 0x20, 0xc0], [0x0f, 0x22, 0xc0], [0x0f, 0x06], [0x0f, 0x09],
      [0x0f, 0x01, 0x38],
      [0x0f, 0x23, 0xf8], [0x0f, 0x21, 0xf8], [0xcd, 0x80], [0xcc], [0x6c], [0xf3, 0x6e], [0x0f, 0x31], [0x0f, 0x33],
      [0xf4],
      [0x0f, 0x01, 0xd1], [0x0f, 0x22, 0xe0], [0x0f, 0x20, 0xe0], [0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2],
    ]
    var bytes = random.pick(codes)
    if random.chance(20) { bytes = (0..<8).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
    let at = LinearAddress(Guest.code + 0x800)
    for (offset, byte) in bytes.enumerated() { _ = try? GuestMemory.write(at + UInt64(offset), byte) }
    load(Call(0, random.number()))
    let frame = machine.frame
    frame[].rip = at.raw
    frame[].rax = random.number()
    frame[].rcx =
      random.chance(50)
      ? random.number() : random.pick([0x10, 0x1b, 0x174, 0x277, 0xc000_0080, 0xc000_0100, 0x4000_0000, 0x6e0])
    frame[].rdx = random.chance(50) ? random.number() : UInt64(random.below(0x1000))
    frame[].rdi = Guest.dataPage(0)
    frame[].vector = bytes.starts(with: [0x0f, 0x0b]) ? 6 : 13
    frame[].error_code = random.chance(90) ? 0 : UInt32(truncatingIfNeeded: random.number())
    if isTraced { doing = "instruction \(bytes)" }
    TrapDispatch.trap(frame)
  }
}
