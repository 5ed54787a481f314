// SPDX-License-Identifier: Apache-2.0
// physdev_op: each sub-operation, its rights and errors.
import CXenABI
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct PhysicalDeviceTests {
  @Test func `lines by hypercall, as Linux does it`() throws {
    try DeviceMachine.run { world in
      world.wire()
      let guest = world.guest(0, isPrivileged: true)
      func call(_ command: Int32) -> Int64 { guest.call(__HYPERVISOR_physdev_op, UInt64(command), guest.address(0)) }
      // struct physdev_map_pirq
      guest.set16(0, DomainID.current.raw)
      guest.set32(4, UInt32(MAP_PIRQ_TYPE_GSI))
      guest.set32(8, 11)
      guest.set32(12, 11)
      #expect(call(PHYSDEVOP_map_pirq) == 0)
      #expect(guest.get32(12) == 11)
      guest.set32(12, UInt32.max)
      #expect(call(PHYSDEVOP_map_pirq) == 0)
      #expect(guest.get32(12) == 11)
      guest.set32(12, 12)
      #expect(call(PHYSDEVOP_map_pirq) == XenError.invalid.code)
      // struct physdev_setup_gsi
      guest.set32(0, 11)
      guest.set32(4, 0x0101)
      #expect(call(PHYSDEVOP_setup_gsi) == 0)
      #expect(world.entry(11) & 0xa000 == 0xa000)
      #expect(call(PHYSDEVOP_setup_gsi) == XenError.exists.code)
      #expect(call(PHYSDEVOP_irq_status_query) == 0)
      #expect(guest.get32(4) == 1)
      // struct physdev_irq
      #expect(call(PHYSDEVOP_alloc_irq_vector) == 0)
      #expect(UInt64(guest.get32(4)) == world.entry(11) & 0xff)
      #expect(call(PHYSDEVOP_eoi) == 0)
      guest.set32(0, 0xffff)
      for command in [PHYSDEVOP_eoi, PHYSDEVOP_irq_status_query, PHYSDEVOP_alloc_irq_vector, PHYSDEVOP_setup_gsi] {
        #expect(call(command) == XenError.invalid.code)
      }
      #expect(call(99) == XenError.notImplemented.code)
      #expect(call(PHYSDEVOP_IRQ_UNMASK_NOTIFY) == XenError.notImplemented.code)
      #expect(guest.call(__HYPERVISOR_physdev_op, UInt64.max) == XenError.notImplemented.code)
      #expect(guest.call(__HYPERVISOR_physdev_op, UInt64(PHYSDEVOP_eoi), 0xffff_8000_0000_0000) == XenError.fault.code)
    }
  }

  @Test func `one without hardware gets none`() {
    DeviceMachine.run { world in
      world.wire()
      _ = world.addFunction()
      let guest = world.guest(3)
      for command in [8, 9, 10, 11, 13, 14, 15, 16, 19, 20, 21, 23, 24, 25, 26, 27, 30, 31] as [UInt64] {
        #expect(guest.call(__HYPERVISOR_physdev_op, command, guest.address(0)) == XenError.notPermitted.code)
      }
      #expect(guest.call(__HYPERVISOR_physdev_op, 99, guest.address(0)) == XenError.notImplemented.code)
    }
  }

  @Test func `privilege level and bitmap of ports, in both forms of the call`() {
    DeviceMachine.run { world in
      let guest = world.guest(3)
      guest.set32(0, 3)
      #expect(guest.call(__HYPERVISOR_physdev_op, UInt64(PHYSDEVOP_set_iopl), guest.address(0)) == 0)
      #expect(guest.vcpu[].ioPrivilege == 3)
      guest.set32(0, 4)
      #expect(
        guest.call(__HYPERVISOR_physdev_op, UInt64(PHYSDEVOP_set_iopl), guest.address(0)) == XenError.invalid.code)
      guest.set32(0, UInt32(PHYSDEVOP_set_iopl))
      guest.set32(8, 1)
      #expect(guest.call(__HYPERVISOR_physdev_op_compat, guest.address(0)) == 0)
      #expect(guest.vcpu[].ioPrivilege == 1)
      guest.set32(0, UInt32(PHYSDEVOP_set_iobitmap))
      guest.set64(8, 0x1234)
      guest.set32(16, 65536)
      #expect(guest.call(__HYPERVISOR_physdev_op_compat, guest.address(0)) == 0)
      #expect(guest.vcpu[].ioBitmap == 0x1234 && guest.vcpu[].ioBitmapPorts == 65536)
      guest.set32(16, 65537)
      #expect(guest.call(__HYPERVISOR_physdev_op_compat, guest.address(0)) == XenError.invalid.code)
      guest.set32(0, UInt32(PHYSDEVOP_map_pirq))
      #expect(guest.call(__HYPERVISOR_physdev_op_compat, guest.address(0)) == XenError.notImplemented.code)
    }
  }

  @Test func `functions are known if they are there`() {
    DeviceMachine.run { world in
      _ = world.addFunction()
      let guest = world.guest(0, isPrivileged: true)
      func call(_ command: Int32, _ words: [UInt32]) -> Int64 {
        for (index, word) in words.enumerated() { guest.set32(index * 4, word) }
        return guest.call(__HYPERVISOR_physdev_op, UInt64(command), guest.address(0))
      }
      #expect(call(PHYSDEVOP_pci_device_add, [0x1800_0000, 0]) == 0)
      #expect(call(PHYSDEVOP_pci_device_add, [0x2000_0000, 0]) == XenError.noDevice.code)
      #expect(call(PHYSDEVOP_pci_device_add, [0x2000_0000, UInt32(XEN_PCI_DEV_VIRTFN)]) == 0)
      #expect(call(PHYSDEVOP_manage_pci_add, [0x1800]) == 0)
      #expect(call(PHYSDEVOP_manage_pci_add, [0x2000]) == XenError.noDevice.code)
      #expect(call(PHYSDEVOP_prepare_msix, [0x1800_0000]) == 0)
      #expect(call(PHYSDEVOP_release_msix, [0x2000_0000]) == XenError.noDevice.code)
      #expect(call(PHYSDEVOP_pci_mmcfg_reserved, [0, 0, 0, 0, 0]) == 0)
      #expect(call(PHYSDEVOP_dbgp_op, [1]) == XenError.noDevice.code)
    }
  }
}
