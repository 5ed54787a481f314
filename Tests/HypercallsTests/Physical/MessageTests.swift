// SPDX-License-Identifier: Apache-2.0
// Message-signalled interrupts of simulated PCI functions.
import CXenABI
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct MessageTests {
  /// PHYSDEVOP_map_pirq as Linux makes it; gives the result, and the number in the structure.
  static func map(
    _ guest: SimulatedGuest, type: Int32, devfn: Int32 = 0x18, bus: Int32 = 0, entry: Int32 = 0, base: UInt64 = 0,
    domain: UInt16 = DomainID.current.raw, pirq: Int32 = -1
  ) -> (Int64, Int32) {
    guest.clear(0..<40)
    guest.set16(0, domain)
    guest.set32(4, UInt32(bitPattern: type))
    guest.set32(8, UInt32.max)
    guest.set32(12, UInt32(bitPattern: pirq))
    guest.set32(16, UInt32(bitPattern: bus))
    guest.set32(20, UInt32(bitPattern: devfn))
    guest.set32(24, UInt32(bitPattern: entry))
    guest.set64(32, base)
    let result = guest.call(__HYPERVISOR_physdev_op, UInt64(PHYSDEVOP_map_pirq), guest.address(0))
    return (result, Int32(bitPattern: guest.get32(12)))
  }

  static func unmap(_ guest: SimulatedGuest, _ pirq: Int32) -> Int64 {
    guest.set16(0, DomainID.current.raw)
    guest.set32(4, UInt32(bitPattern: pirq))
    return guest.call(__HYPERVISOR_physdev_op, UInt64(PHYSDEVOP_unmap_pirq), guest.address(0))
  }

  @Test func `an entry of a table is programmed, and masked until it is bound`() throws {
    try DeviceMachine.run { world in
      world.wire()
      _ = world.addFunction()
      let guest = world.guest(0, isPrivileged: true)
      // What the caller believes the base to be does not matter while the function says.
      let (result, pirq) = Self.map(guest, type: MAP_PIRQ_TYPE_MSI_SEG, entry: 2, base: 0xdead_0000)
      #expect(result == 0 && pirq >= 24)
      #expect(world.tableWord(2, 0) == 0xfee0_5000 && world.tableWord(2, 1) == 0)
      let vector = UInt8(truncatingIfNeeded: world.tableWord(2, 2))
      #expect(vector >= 0x20 && world.tableWord(2, 2) < 0x100)
      #expect(world.tableWord(2, 3) == 1)
      let port = try #require(LineTests.bind(guest, UInt32(pirq)))
      #expect(world.tableWord(2, 3) == 0)
      InterruptRouting.deviceInterrupt(vector)
      #expect(LineTests.isPending(guest, port))
      #expect(world.tableWord(2, 3) == 0)
      #expect(Self.map(guest, type: MAP_PIRQ_TYPE_MSI_SEG, entry: 2, base: 1).0 == XenError.busy.code)
      #expect(Self.unmap(guest, pirq) == XenError.busy.code)
      try Events.close(guest.domain, port: port)
      #expect(world.tableWord(2, 3) == 1)
      #expect(Self.unmap(guest, pirq) == 0)
      #expect(Self.unmap(guest, pirq) == XenError.invalid.code)
      #expect(Self.map(guest, type: MAP_PIRQ_TYPE_MSI_SEG, entry: 2, base: 1) == (0, pirq))
    }
  }

  @Test func `a table is never where there is RAM, nor beyond its end`() {
    DeviceMachine.run { world in
      world.wire()
      _ = world.addFunction()
      let guest = world.guest(0, isPrivileged: true)
      let frame = guest.frame()
      func tryEntry(_ entry: Int32) -> Int64 {
        Self.map(guest, type: MAP_PIRQ_TYPE_MSI_SEG, entry: entry, base: frame.physical).0
      }
      #expect(tryEntry(8) == XenError.noSuchDevice.code)
      #expect(tryEntry(-1) == XenError.invalid.code)
      // The function does not decode its memory.
      PhysicalWindow.store32(DeviceMachine.configuration, word: 1, 0x0010_0000)
      #expect(tryEntry(0) == XenError.noSuchDevice.code)
      PhysicalWindow.store32(DeviceMachine.configuration, word: 1, 0x0010_0002)
      // Its register leads to RAM, or is unset and the caller says RAM.
      PhysicalWindow.store32(DeviceMachine.configuration, word: 5, UInt32(frame.physical))
      #expect(tryEntry(0) == XenError.noSuchDevice.code)
      PhysicalWindow.store32(DeviceMachine.configuration, word: 5, 0)
      #expect(tryEntry(0) == XenError.noSuchDevice.code)
      for word in 0..<512 { #expect(PhysicalWindow.load(frame, word: word) == 0) }
      // The caller's word counts for a virtual function, and if it is device memory.
      #expect(
        Self.map(guest, type: MAP_PIRQ_TYPE_MSI_SEG, entry: 0, base: DeviceMachine.table.physical).0 == 0)
      #expect(world.tableWord(0, 0) == 0xfee0_5000)
      #expect(Self.map(guest, type: MAP_PIRQ_TYPE_MSI_SEG, bus: 1 << 16, entry: 0, base: 1).0 == XenError.noDevice.code)
      #expect(Self.map(guest, type: MAP_PIRQ_TYPE_MSI_SEG, devfn: 0x20, entry: 0, base: 1).0 == XenError.noDevice.code)
      #expect(Self.map(guest, type: 2).0 == XenError.invalid.code)
    }
  }

  @Test func `messages of one function share a register`() throws {
    try DeviceMachine.run { world in
      world.wire()
      _ = world.addFunction()
      let guest = world.guest(0, isPrivileged: true)
      // Three are wanted: four are given, as functions count in powers of two.
      let (result, first) = Self.map(guest, type: MAP_PIRQ_TYPE_MULTI_MSI, entry: 3)
      #expect(result == 0 && guest.get32(24) == 4)
      #expect(world.register(0x54) == 0xfee0_5000 && world.register(0x58) == 0)
      let vector = UInt8(truncatingIfNeeded: world.register(0x5c))
      #expect(vector & 3 == 0)
      // How many, in bits 6 to 4 of the control word; what the guest sets itself, the enable bit, stays.
      #expect(world.register(0x50) >> 16 & 0x71 == 0x20)
      #expect(world.register(0x60) == 0xf)
      let port = try #require(LineTests.bind(guest, UInt32(first) + 2))
      #expect(world.register(0x60) == 0xb)
      InterruptRouting.deviceInterrupt(vector + 2)
      #expect(LineTests.isPending(guest, port))
      #expect(Self.unmap(guest, first) == XenError.busy.code)
      #expect(Self.unmap(guest, first + 1) == XenError.invalid.code)
      try Events.close(guest.domain, port: port)
      #expect(Self.unmap(guest, first) == 0)
      #expect(Self.map(guest, type: MAP_PIRQ_TYPE_MULTI_MSI, entry: 5).0 == XenError.noDevice.code)
      #expect(Self.map(guest, type: MAP_PIRQ_TYPE_MULTI_MSI, entry: 33).0 == XenError.invalid.code)
      #expect(Self.map(guest, type: MAP_PIRQ_TYPE_MULTI_MSI, entry: 0).0 == XenError.invalid.code)
      #expect(Self.map(guest, type: MAP_PIRQ_TYPE_MSI) == (0, first))
    }
  }

  @Test func `lost registers are written again, and a removed function is silent`() throws {
    try DeviceMachine.run { world in
      world.wire()
      let function = world.addFunction()
      let guest = world.guest(0, isPrivileged: true)
      let (_, pirq) = Self.map(guest, type: MAP_PIRQ_TYPE_MSI_SEG, entry: 1, base: 1)
      let port = try #require(LineTests.bind(guest, UInt32(pirq)))
      let data = world.tableWord(1, 2)
      PhysicalWindow.clear(DeviceMachine.table)
      guest.set32(0, 0x1800_0000)
      #expect(guest.call(__HYPERVISOR_physdev_op, UInt64(PHYSDEVOP_restore_msi_ext), guest.address(0)) == 0)
      #expect(world.tableWord(1, 0) == 0xfee0_5000 && world.tableWord(1, 2) == data && world.tableWord(1, 3) == 0)
      guest.set32(0, 0x1800)
      #expect(guest.call(__HYPERVISOR_physdev_op, UInt64(PHYSDEVOP_manage_pci_remove), guest.address(0)) == 0)
      #expect(world.tableWord(1, 3) == 1)
      InterruptRouting.deviceInterrupt(UInt8(data))
      #expect(!LineTests.isPending(guest, port))
      #expect(function.exists)
    }
  }

  @Test func `a device's list of capabilities may be a loop`() {
    DeviceMachine.run { world in
      let function = world.addFunction()
      PhysicalWindow.store32(DeviceMachine.configuration, word: 0x50 >> 2, 0x0184_5009)
      #expect(function.capability(PCIFunction.extendedCapability) == nil)
      #expect(function.capability(0x09) == 0x50)
    }
  }

  @Test func `a number can be reserved before its message is mapped`() {
    DeviceMachine.run { world in
      world.wire()
      _ = world.addFunction()
      let guest = world.guest(0, isPrivileged: true)
      guest.set32(0, UInt32(MAP_PIRQ_TYPE_MSI))
      #expect(guest.call(__HYPERVISOR_physdev_op, UInt64(PHYSDEVOP_get_free_pirq), guest.address(0)) == 0)
      let pirq = Int32(guest.get32(4))
      #expect(Self.map(guest, type: MAP_PIRQ_TYPE_MSI_SEG, entry: 0, base: 1).1 != pirq)
      #expect(Self.map(guest, type: MAP_PIRQ_TYPE_MSI_SEG, entry: 1, base: 1, pirq: pirq) == (0, pirq))
      #expect(Self.map(guest, type: MAP_PIRQ_TYPE_MSI_SEG, entry: 3, base: 1, pirq: pirq).0 == XenError.invalid.code)
      #expect(Self.map(guest, type: MAP_PIRQ_TYPE_MSI_SEG, entry: 3, base: 1, pirq: 5).0 == XenError.invalid.code)
    }
  }
}
