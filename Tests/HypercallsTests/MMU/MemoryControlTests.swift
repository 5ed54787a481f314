// SPDX-License-Identifier: Apache-2.0
// domctl about memory and devices.
import CXenABI
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct MemoryControlTests {
  @Test func `max_mem is in KiB and binds populate, also below what is owned`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      func limit(_ kib: UInt64) -> Int64 { control.domctl(XEN_DOMCTL_max_mem, 1) { control.set64($0, kib) } }
      #expect(limit((guest.owned + 3) * 4 + 3) == 0)
      #expect(ledger[].accounts.limit(guest.id) == guest.owned + 3)
      for index in 0..<8 { control.set64(0x1000 + index * 8, UInt64(index)) }
      #expect(control.memory(XENMEM_populate_physmap, 1, count: 8) == 3)
      #expect(limit(0) == 0)
      #expect(control.memory(XENMEM_populate_physmap, 1, count: 1) == 0)
      #expect(guest.memory(XENMEM_decrease_reservation, 0x7ff0, count: 1, list: 0x2000) == 0)
      #expect(limit(UInt64.max) == 0)
      #expect(control.memory(XENMEM_populate_physmap, 1, count: 1) == 1)
      // What the guest is told of it.
      guest.set64(0, 0x7ff0)
      #expect(
        guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_maximum_reservation), guest.address(0)) == Int64(UInt32.max))
    }
  }

  @Test func `only a privileged domain, by the right version, on a domain that exists`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      #expect(guest.domctl(XEN_DOMCTL_max_mem, 1) == XenError.notPermitted.code)
      #expect(control.domctl(XEN_DOMCTL_max_mem, 1, version: 0x14) == XenError.accessDenied.code)
      #expect(control.domctl(XEN_DOMCTL_max_mem, 9) == XenError.noSuchDomain.code)
    }
  }

  @Test func `getpageframeinfo3 tells tables from data, and what is not the domain's`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      let page = guest.frame()
      let tables = ForeignTableTests.tables(guest, page: page)
      #expect(control.extended(3, tables[0].number, of: 1) == 0)
      let frames = tables + [page, control.frame(), MachineFrame(UInt64.max)]
      func ask(_ count: UInt64, at list: UInt64? = nil) -> Int64 {
        for (index, frame) in frames.enumerated() { control.set64(0x1000 + index * 8, frame.number) }
        return control.domctl(XEN_DOMCTL_getpageframeinfo3, 1) {
          control.set64($0, count)
          control.set64($0 + 8, list ?? control.address(0x1000))
        }
      }
      #expect(ask(UInt64(frames.count)) == 0)
      let kinds: [UInt64] = [0xc, 3, 2, 1, 0, 0xf, 0xf].map { $0 << 28 }
      for (index, kind) in kinds.enumerated() { #expect(control.get64(0x1000 + index * 8) == kind) }
      #expect(references(page) == 2)
      // A table no more.
      #expect(control.extended(4, tables[0].number, of: 1) == 0)
      #expect(ask(2) == 0)
      #expect(control.get64(0x1000) == 0 && control.get64(0x1008) == 0)
      #expect(ask(1025) == XenError.tooBig.code && ask(UInt64.max) == XenError.tooBig.code)
      #expect(ask(1, at: 0x10) == XenError.fault.code && ask(1, at: 0xffff_8000_0000_0000) == XenError.fault.code)
      #expect(ask(0, at: 0x10) == 0)
    }
  }

  @Test func `there are no shadow tables to be turned on`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      func ask(_ operation: Int32, _ domain: UInt16 = 1) -> Int64 {
        control.domctl(XEN_DOMCTL_shadow_op, domain) {
          control.set32($0, UInt32(bitPattern: operation))
          control.set32($0 + 8, 55)
        }
      }
      #expect(ask(XEN_DOMCTL_SHADOW_OP_OFF) == 0)
      #expect(ask(XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION) == 0)
      #expect(control.get32(0x800 + Int(OFFSET_domctl_body) + 8) == 0)
      #expect(ask(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY) == XenError.notSupported.code)
      #expect(ask(XEN_DOMCTL_SHADOW_OP_CLEAN) == XenError.notSupported.code)
      #expect(ask(-1) == XenError.invalid.code)
      #expect(ask(XEN_DOMCTL_SHADOW_OP_OFF, 0) == XenError.invalid.code)
      _ = guest
    }
  }

  @Test func `a virtual NUMA topology is refused`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      func ask(nodes: UInt32, vcpus: UInt32) -> Int64 {
        control.domctl(XEN_DOMCTL_setvnumainfo, 1) {
          control.set32($0, nodes)
          control.set32($0 + 8, vcpus)
        }
      }
      #expect(ask(nodes: 0, vcpus: 1) == XenError.invalid.code)
      #expect(ask(nodes: 1, vcpus: 2) == XenError.invalid.code)
      #expect(ask(nodes: 1, vcpus: 1) == XenError.notSupported.code)
      _ = guest
    }
  }

  @Test func `device frames can be given, mapped, and taken away`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      let first = world.frames + 0x1000
      func give(_ first: UInt64, _ count: UInt64, _ allow: UInt32 = 1) -> Int64 {
        control.domctl(XEN_DOMCTL_iomem_permission, 1) {
          control.set64($0, first)
          control.set64($0 + 8, count)
          control.set32($0 + 16, allow)
        }
      }
      #expect(give(first, 2) == 0)
      #expect(guest.map(0, MachineFrame(first), of: 0x7ff0) == 0)
      #expect(guest.map(1, MachineFrame(first + 1), of: 0x7ff1) == 0)
      #expect(guest.map(2, MachineFrame(first + 2), of: 0x7ff0) == XenError.notPermitted.code)
      #expect(give(first + 1, 1, 0) == 0)
      #expect(guest.map(2, MachineFrame(first + 1), of: 0x7ff0) == XenError.notPermitted.code)
      // What was mapped stays; it can be taken out.
      #expect(guest.unmap(1) == 0)
      #expect(give(first, 0) == XenError.invalid.code)
      #expect(give(UInt64.max, 2) == XenError.invalid.code)
      #expect(give(1 << 60, 1) == XenError.invalid.code)
      _ = ledger[].forbiddenDevices.insert(first + 100)
      #expect(give(first + 99, 3) == XenError.notPermitted.code)
      // Memory is not device memory, whatever the right says.
      #expect(give(0, world.frames) == 0)
      #expect(guest.map(3, control.root, of: 0x7ff0) == XenError.invalid.code)
      for index in UInt64(0)..<6 { #expect(give(first + 200 + index * 2, 1) == 0) }
      #expect(give(first + 300, 1) == XenError.noMemory.code)
    }
  }

  @Test func `ports can be given but not those of others`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      func give(_ first: UInt32, _ count: UInt32, _ allow: UInt32 = 1) -> Int64 {
        control.domctl(XEN_DOMCTL_ioport_permission, 1) {
          control.set32($0, first)
          control.set32($0 + 4, count)
          control.set32($0 + 8, allow)
        }
      }
      #expect(give(0x60, 1) == 0 && give(0x61, 4) == 0)
      #expect(PortEmulation.isPermitted(guest.domain, 0x60, count: 2))
      #expect(PortEmulation.isPermitted(guest.domain, 0x61, count: 4))
      #expect(!PortEmulation.isPermitted(guest.domain, 0x62, count: 4))
      #expect(!PortEmulation.isPermitted(guest.domain, 0x5f, count: 2))
      #expect(give(0x61, 1, 0) == 0)
      #expect(!PortEmulation.isPermitted(guest.domain, 0x60, count: 2))
      #expect(PortEmulation.isPermitted(guest.domain, 0x60, count: 1))
      // Ours, and what cannot be.
      #expect(give(0x40, 1) == XenError.notPermitted.code && give(0x1f, 4) == XenError.notPermitted.code)
      #expect(give(0xcf0, 0x20) == XenError.notPermitted.code)
      #expect(give(0, 0) == XenError.invalid.code && give(0xffff, 2) == XenError.invalid.code)
      #expect(give(UInt32.max, UInt32.max) == XenError.invalid.code && give(0, 0x1_0001) == XenError.invalid.code)
      #expect(give(0xffff, 1) == 0)
      #expect(PortEmulation.isPermitted(guest.domain, 0xffff, count: 1))
      #expect(!PortEmulation.isPermitted(guest.domain, 0xffff, count: 2))
    }
  }

  @Test func `an interrupt can be bound by who has been given it`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      func give(_ pirq: UInt32, _ allow: UInt32 = 1) -> Int64 {
        control.domctl(XEN_DOMCTL_irq_permission, 1) {
          control.set32($0, pirq)
          control.set32($0 + 4, allow)
        }
      }
      #expect(!guest.domain.mayBind(interrupt: 9))
      #expect(give(9) == 0)
      #expect(guest.domain.mayBind(interrupt: 9) && !guest.domain.mayBind(interrupt: 10))
      #expect(give(9, 0) == 0)
      #expect(!guest.domain.mayBind(interrupt: 9))
      #expect(give(1024) == XenError.invalid.code && give(UInt32.max) == XenError.invalid.code)
    }
  }
}
