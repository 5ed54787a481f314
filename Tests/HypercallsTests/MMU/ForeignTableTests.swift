// SPDX-License-Identifier: Apache-2.0
// What Domain 0 does to the memory and the page tables of a domain that it builds: as libxc and Linux's privcmd driver do it.
import CXenABI
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct ForeignTableTests {
  /// A top-level table of a guest's with three levels below it that map `page` read-only; as the builder leaves them.
  static func tables(_ guest: SimulatedGuest, page: MachineFrame, rights: UInt64 = PTE.present | PTE.user)
    -> [MachineFrame]
  {
    let tables = (0..<4).map { _ in guest.frame() }
    for level in 0..<3 {
      PhysicalWindow.store(tables[level], word: 0, tables[level + 1].physical | PTE.present | PTE.user | PTE.writable)
    }
    PhysicalWindow.store(tables[3], word: 0, page.physical | rights)
    return tables
  }

  @Test func `a foreign mapping holds what it maps, and only its controller may make one`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      let other = SimulatedGuest(world, 2)
      let frame = guest.frame()
      #expect(control.map(0, frame, of: 1) == 0)
      #expect(references(frame) == 2 && typeOf(frame).type == .writable && typeOf(frame).count == 1)
      #expect(control.entry(0) & PTE.frameMask == frame.physical)
      // By another's name, by its own, or by somebody who controls nobody.
      #expect(control.map(1, frame, of: 2) == XenError.invalid.code)
      #expect(control.map(1, frame, of: 0x7ff0) == XenError.invalid.code)
      #expect(other.map(1, frame, of: 1) == XenError.notPermitted.code)
      #expect(control.map(1, frame, of: 77) == XenError.noSuchDomain.code)
      // The guest gives the frame up, and it stays while it is mapped.
      let free = freeFrames
      guest.set64(0x1000, frame.number)
      #expect(guest.memory(XENMEM_decrease_reservation, 0x7ff0, count: 1) == 1)
      #expect(freeFrames == free)
      #expect(control.unmap(0) == 0)
      #expect(freeFrames == free + 1)
    }
  }

  @Test func `a batch stops at the frame that cannot be mapped and says how far it came`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      let good = [guest.frame(), guest.frame(), guest.frame()]
      func request(_ slot: Int, _ frame: MachineFrame) -> (UInt64, UInt64) {
        (control.slotTable.physical + UInt64(slot) * 8, frame.physical | PTE.present | PTE.user | PTE.writable)
      }
      // As Linux's xen_remap_pfn goes on: past the one that failed.
      var (result, done) = control.update(
        [request(0, good[0]), request(1, control.root), request(2, good[1]), request(3, good[2])], of: 1)
      #expect(result == XenError.invalid.code && done == 1)
      (result, done) = control.update([request(2, good[1]), request(3, good[2])], of: 1)
      #expect(result == 0 && done == 2)
      #expect(control.entry(1) == 0 && control.entry(3) != 0)
    }
  }

  @Test func `a page table of the guest's can be read but not written by its controller`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      #expect(control.map(0, guest.root, of: 1) == XenError.busy.code)
      #expect(control.map(0, guest.root, of: 1, writable: false) == 0)
      #expect(control.map(1, guest.slotTable, of: 1) == XenError.busy.code)
    }
  }

  @Test func `the shared page and the grant table are mapped as the guest's frames`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      #expect(control.map(0, guest.domain[].sharedInfo, of: 1) == 0)
      // XENMEM_acquire_resource, as privcmd asks for the first frame of the grant table.
      control.set64(0, 1 | UInt64(XENMEM_resource_grant_table) << 16)
      control.set64(8, 1)
      control.set64(16, 0)
      control.set64(24, control.address(0x80))
      #expect(control.call(__HYPERVISOR_memory_op, UInt64(XENMEM_acquire_resource), control.address(0)) == 0)
      let table = MachineFrame(control.get64(0x80))
      #expect(ownerOf(table) == guest.id)
      #expect(control.map(1, table, of: 1) == 0)
      // The builder writes the console's entry there, and the console maps it.
      let ring = guest.frame()
      PhysicalWindow.store(table, word: 0, 1 | ring.number << 32)
      let pinned = try? guest.domain[].grants.withLock { grants throws(GrantStatus) in
        try grants.pin(GrantReference(0), for: control.id, GrantPins(copyWriting: true), mapping: true).frame
      }
      #expect(pinned == ring)
      #expect(control.unmap(0) == 0 && control.unmap(1) == 0)
    }
  }

  @Test func `pinning, changing and unpinning another domain's tables`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      let stranger = SimulatedGuest(world, 2)
      let page = guest.frame()
      let tables = Self.tables(guest, page: page)
      let before = tables.map { references($0) }
      #expect(stranger.extended(3, tables[0].number, of: 1) == XenError.notPermitted.code)
      #expect(control.extended(3, tables[0].number) == XenError.invalid.code)
      #expect(control.extended(3, tables[0].number, of: 1) == 0)
      #expect(typeOf(tables[0]).isPinned && typeOf(tables[0]).type == .level4)
      #expect(typeOf(tables[3]).type == .level1 && references(page) == 2)
      #expect(control.extended(3, tables[0].number, of: 1) == XenError.invalid.code)
      // An entry: PFD is the guest, FD too.
      let second = guest.frame()
      let at = tables[3].physical + 8
      #expect(control.update([(at, second.physical | PTE.present | PTE.writable)], of: 2 << 16 | 1).0 == 0)
      #expect(typeOf(second).type == .writable)
      // Nobody's frame but FD's, and not without naming the owner of the table.
      #expect(control.update([(at, control.root.physical | PTE.present)], of: 2 << 16 | 1).0 == XenError.invalid.code)
      #expect(control.update([(at, 0)], of: 0x7ff0).0 == XenError.invalid.code)
      #expect(stranger.update([(at, 0)], of: 2 << 16 | 1).0 == XenError.notPermitted.code)
      // All is given back at once, though the guest never runs.
      #expect(control.extended(4, tables[0].number, of: 1) == 0)
      #expect(tables.map { references($0) } == before)
      #expect(references(page) == 1 && references(second) == 1)
      #expect(guest.hasNoDeadTables)
    }
  }

  @Test func `the caller's own frames go into another's tables only by its own name`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      let own = control.frame()
      let at = guest.slotTable.physical
      let entry = own.physical | PTE.present | PTE.user
      // FD is the caller where the argument says DOMID_SELF, whoever PFD is.
      #expect(control.update([(at, entry)], of: 2 << 16 | 1).0 == XenError.invalid.code)
      #expect(control.update([(at, entry)], of: 2 << 16 | 0x7ff0).0 == 0)
      #expect(references(own) == 2)
      #expect(control.update([(at, 0)], of: 2 << 16 | 1).0 == 0)
      #expect(references(own) == 1)
    }
  }

  @Test func `device memory is mapped at the privilege of the domain whose frame it is said to be`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      let device = MachineFrame(world.frames + 0x1000)
      #expect(control.map(0, device, of: 0x7ff0) == 0)
      #expect(control.map(1, device, of: 0x7ff1) == 0)
      // What a guest calls its frame must not lead its controller to a device.
      #expect(control.map(2, device, of: 1) == XenError.notPermitted.code)
      #expect(guest.map(0, device, of: 0x7ff0) == XenError.notPermitted.code)
      #expect(guest.map(0, device, of: 0x7ff1) == XenError.notPermitted.code)
    }
  }

  @Test func `the machine-to-physical entry is the owner's, or its controller's by the owner's name`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      let frame = guest.frame()
      #expect(control.update([(frame.physical | 1, 77)], of: 1) == (0, 1))
      #expect(translation(frame) == 77)
      #expect(control.update([(frame.physical | 1, 78)], of: 0x7ff0).0 == XenError.invalid.code)
      #expect(control.update([(frame.physical | 1, 78)], of: 2).0 == XenError.noSuchDomain.code)
      #expect(translation(frame) == 77)
    }
  }

  @Test func `pages of another domain are cleared and copied; what is the caller's own CPU's is not`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      let frame = guest.frame()
      let copy = guest.frame()
      PhysicalWindow.store(frame, word: 3, 99)
      #expect(control.extended(17, copy.number, frame.number, of: 1) == 0)
      #expect(PhysicalWindow.load(copy, word: 3) == 99)
      #expect(control.extended(16, frame.number, of: 1) == 0)
      #expect(PhysicalWindow.load(frame, word: 3) == 0)
      #expect(control.extended(16, guest.root.number, of: 1) == XenError.invalid.code)
      #expect(control.extended(16, copy.number) == XenError.invalid.code)
      for command: UInt64 in [5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 18] {
        #expect(control.extended(command, guest.root.number, of: 1) == XenError.notPermitted.code)
      }
      #expect(control.extended(0, 1, of: 0x7ff1) == XenError.invalid.code)
    }
  }

  @Test func `a domain that is being destroyed gets no page tables and no entries`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      let page = guest.frame()
      let tables = Self.tables(guest, page: page)
      #expect(control.map(0, page, of: 1) == 0)
      #expect(!guest.domain.destroy())
      #expect(control.extended(3, tables[0].number, of: 1) == XenError.noSuchDomain.code)
      #expect(control.update([(guest.slotTable.physical, 0)], of: 2 << 16 | 1).0 == XenError.noSuchDomain.code)
      // Nor are its frames to be had any more; what is mapped can be unmapped.
      #expect(control.map(1, page, of: 1) == XenError.noSuchDomain.code)
      #expect(control.unmap(0) == 0)
    }
  }

  @Test func `the tables of a domain are taken apart with its extents, to the end`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      let page = guest.frame()
      let tables = Self.tables(guest, page: page)
      #expect(control.extended(3, tables[0].number, of: 1) == 0)
      let free = freeFrames
      for (index, frame) in tables.enumerated() { control.set64(0x1000 + index * 8, frame.number) }
      #expect(control.memory(XENMEM_decrease_reservation, 1, count: 4) == 4)
      #expect(freeFrames == free + 4)
      #expect(references(page) == 1)
    }
  }
}
