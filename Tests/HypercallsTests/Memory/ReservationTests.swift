// SPDX-License-Identifier: Apache-2.0
// Reservations that grow and shrink, limits, claims, and what is told of them.
import CXenABI
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct ReservationTests {
  /// A request at offset 0 for extents listed from offset 0x100 on.
  static func ask(
    _ guest: SimulatedGuest, _ command: Int32, count: UInt64, order: UInt32 = 0, flags: UInt32 = 0, done: UInt64 = 0,
    domain: UInt16 = DomainID.current.raw, list: Int = 0x100
  ) -> Int64 {
    guest.set64(0, guest.address(list))
    guest.set64(8, count)
    guest.set32(16, order)
    guest.set32(20, flags)
    guest.set16(24, domain)
    return guest.call(__HYPERVISOR_memory_op, UInt64(command) | done << 6, guest.address(0))
  }

  static let commands: [(UInt64, UInt32, UInt64)] = [(6, 6, 0), (0x146, 6, 5), (UInt64.max, 63, UInt64.max >> 6)]

  @Test(arguments: commands)
  func `a command holds its number and how far it has come`(raw: UInt64, number: UInt32, done: UInt64) {
    let command = MemoryCommand(raw)
    #expect(command.number == number)
    #expect(command.done == done)
    #expect(command.argument(done: done) == raw)
  }

  static let limits: [(UInt32, UInt64)] = [
    (0, UInt64.max), (12, 0), (5, 0), (13, 2), (32, 0x10_0000), (63, 0x8_0000_0000_0000), (64, UInt64.max),
    (255, UInt64.max), (0x120, 0x10_0000),
  ]

  @Test(arguments: limits)
  func `address bits limit the frame number`(flags: UInt32, limit: UInt64) {
    #expect(MemoryReservation.frameLimit(flags: flags) == limit)
  }

  static let demands: [(UInt32, Bool)] = [
    (0, false), (0x1_0000, true), (0x100, false), (0x2_0100, false), (0x200, false), (0x2_0200, true),
  ]

  @Test(arguments: demands)
  func `only node 0 can be insisted on, and nothing is filled on demand`(flags: UInt32, isImpossible: Bool) {
    #expect(MemoryReservation.isImpossible(flags: flags) == isImpossible)
  }

  @Test func `populate gives frames in place of the numbers, and decrease takes them back`() {
    SimulatedMachine.run { world in
      let guest = world.guest(3)
      let free = ledger[].freeFrames
      for index in 0..<20 { guest.set64(0x100 + index * 8, 1000 + UInt64(index)) }
      #expect(Self.ask(guest, XENMEM_populate_physmap, count: 20) == 20)
      #expect(guest.gained == 20)
      let table = Ref<Hypervisor>.shared[].machineToPhysical
      let frames = guest.frames(0x100, count: 20)
      for (index, frame) in frames.enumerated() {
        #expect(ledger[].owner(frame) == guest.id && isAllocated(frame))
        let expected = 1000 + UInt64(index)
        #expect(table.load(frame) == expected)
      }
      #expect(Self.ask(guest, XENMEM_decrease_reservation, count: 20) == 20)
      #expect(guest.gained == 0)
      #expect(ledger[].freeFrames == free)
      for frame in frames { #expect(table.load(frame) == MachineToPhysical.invalid) }
      #expect(Self.ask(guest, XENMEM_decrease_reservation, count: 20) == 0)
    }
  }

  @Test func `an extent is contiguous and aligned, and each frame is noted`() {
    SimulatedMachine.run { world in
      let guest = world.guest(3)
      guest.set64(0x100, 512)
      #expect(Self.ask(guest, XENMEM_populate_physmap, count: 1, order: 4) == 1)
      let first = guest.get64(0x100)
      #expect(first & 15 == 0)
      for offset in UInt64(0)..<16 {
        #expect(Ref<Hypervisor>.shared[].machineToPhysical.load(MachineFrame(first + offset)) == 512 + offset)
      }
      #expect(Self.ask(guest, XENMEM_decrease_reservation, count: 1, order: 4) == 1)
      #expect(guest.gained == 0)
    }
  }

  @Test func `what cannot be done stops the call and is not counted`() {
    SimulatedMachine.run { world in
      let guest = world.guest(3, frameLimit: SimulatedGuest.frames + 5)
      // At the limit.
      #expect(Self.ask(guest, XENMEM_increase_reservation, count: 9) == 5)
      // The second entry is not a frame of the guest's.
      guest.set64(0x108, 1)
      #expect(Self.ask(guest, XENMEM_decrease_reservation, count: 3) == 1)
      #expect(guest.gained == 4)
      // The list runs out of mapped memory after one entry: nothing is allocated that the caller cannot know of.
      #expect(Self.ask(guest, XENMEM_populate_physmap, count: 3, list: 0xfff8) == 1)
      #expect(guest.gained == 5)
      // Extents of a size that nobody unprivileged gets, flags that cannot be met, memory that does not exist.
      ledger[].accounts.setLimit(guest.id, 4096)
      #expect(Self.ask(guest, XENMEM_populate_physmap, count: 1, order: 10) == 0)
      #expect(Self.ask(guest, XENMEM_populate_physmap, count: 1, order: UInt32.max) == 0)
      #expect(Self.ask(guest, XENMEM_populate_physmap, count: 1, flags: 1 << 16) == 0)
      #expect(Self.ask(guest, XENMEM_populate_physmap, count: 1, flags: 13) == 0)
      #expect(Self.ask(guest, XENMEM_populate_physmap, count: UInt64.max) == 0)
      #expect(guest.gained == 5)
      // A structure that cannot be read is no error, but nothing is done.
      #expect(guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_populate_physmap), 0xffff_8000_0000_0000) == 0)
    }
  }

  @Test func `a continued call skips what it has done`() {
    SimulatedMachine.run { world in
      let guest = world.guest(3)
      for index in 0..<4 { guest.set64(0x100 + index * 8, UInt64(index)) }
      #expect(Self.ask(guest, XENMEM_populate_physmap, count: 4, done: 3) == 4)
      #expect(guest.gained == 1)
      #expect(guest.get64(0x110) == 2)
      #expect(Self.ask(guest, XENMEM_populate_physmap, count: 4, done: 4) == 4)
      #expect(guest.gained == 1)
      // Where there are no extents there is nothing to go on with.
      #expect(guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_maximum_ram_page) | 1 << 6) == XenError.invalid.code)
    }
  }

  @Test func `frames given back while in use stay counted until the last use ends`() {
    SimulatedMachine.run { world in
      let guest = world.guest(3, frameLimit: SimulatedGuest.frames + 2)
      let frame = guest.frame()
      _ = guest.frame()
      #expect(takeWritable(frame, for: guest))
      let free = ledger[].freeFrames
      guest.set64(0x100, frame.number)
      #expect(Self.ask(guest, XENMEM_decrease_reservation, count: 1) == 1)
      #expect(!isAllocated(frame))
      #expect(guest.gained == 2 && ledger[].freeFrames == free)
      // No other in its place, and it cannot be given back twice.
      #expect(Self.ask(guest, XENMEM_increase_reservation, count: 1) == 0)
      guest.set64(0x100, frame.number)
      #expect(Self.ask(guest, XENMEM_decrease_reservation, count: 1) == 0)
      ledger[].dropWritable(frame)
      #expect(guest.gained == 1 && ledger[].freeFrames == free + 1)
      #expect(!take(frame, for: guest))
      #expect(Self.ask(guest, XENMEM_increase_reservation, count: 1) == 1)
    }
  }

  @Test func `a pin ends with the allocation`() {
    SimulatedMachine.run { world in
      let guest = world.guest(3)
      let frame = guest.frame()
      let rules = EntryRules(
        tableOwner: guest.id, frameOwner: guest.id, mayMapDevices: false, physicalBits: 40,
        hypervisorRoot: Ref<Hypervisor>.shared[].tables.root)
      guest.domain.changingTables(by: rules) { session in
        do { try ledger[].pin(frame, level: 1, &session) } catch { Issue.record("cannot pin") }
      }
      guest.set64(0x100, frame.number)
      #expect(Self.ask(guest, XENMEM_decrease_reservation, count: 1) == 1)
      #expect(!ledger[].type(frame).isPinned)
      let isDrained = guest.domain[].pageTables.withLock { ledger[].drain(&$0.work) }
      #expect(isDrained)
      #expect(ledger[].count(frame) == 0 && guest.gained == 0)
    }
  }

  @Test func `only those who control a domain change its reservation`() {
    SimulatedMachine.run { world in
      let control = world.guest(0, isPrivileged: true)
      let guest = world.guest(3)
      #expect(Self.ask(guest, XENMEM_populate_physmap, count: 1, domain: 0) == XenError.notPermitted.code)
      #expect(Self.ask(guest, XENMEM_populate_physmap, count: 1, domain: 3) == 1)
      #expect(Self.ask(control, XENMEM_populate_physmap, count: 1, domain: 77) == XenError.noSuchDomain.code)
      #expect(Self.ask(control, XENMEM_populate_physmap, count: 1, order: 10, domain: 3) == 1)
      #expect(guest.gained == 1025 && control.gained == 0)
      guest.domain[].life.withLock { $0.isDying = true }
      #expect(Self.ask(control, XENMEM_populate_physmap, count: 1, domain: 3) == 0)
    }
  }

  @Test func `questions about memory are answered`() {
    SimulatedMachine.run { world in
      let guest = world.guest(3, frameLimit: SimulatedGuest.frames + 77)
      _ = guest.frame()
      guest.set16(0, DomainID.current.raw)
      #expect(guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_maximum_ram_page)) == Int64(MachinePlan().frames) - 1)
      #expect(
        guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_current_reservation), guest.address(0)) == Int64(
          SimulatedGuest.frames) + 1)
      #expect(
        guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_maximum_reservation), guest.address(0)) == Int64(
          SimulatedGuest.frames) + 77)
      #expect(guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_maximum_gpfn), guest.address(0)) == 0)
      PhysicalWindow.store(guest.domain[].sharedInfo, word: Int(OFFSET_shared_info_max_pfn) >> 3, 1234)
      #expect(guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_maximum_gpfn), guest.address(0)) == 1233)
      #expect(guest.call(__HYPERVISOR_memory_op, 63) == XenError.notImplemented.code)
      #expect(guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_get_sharing_shared_pages)) == 0)
      #expect(
        guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_add_to_physmap), guest.address(0))
          == XenError.accessDenied.code)
    }
  }
}
