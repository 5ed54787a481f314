// SPDX-License-Identifier: Apache-2.0
// Memory maps, and the machine-to-physical table as guests and tools find it.
import CXenABI
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct MemoryMapTests {
  @Test func `a map that was set is the one that is read`() {
    SimulatedMachine.run { world in
      let control = world.guest(0, isPrivileged: true)
      let guest = world.guest(3)
      func read(_ guest: SimulatedGuest, _ command: Int32, room: UInt32, buffer: UInt64) -> Int64 {
        guest.set32(0, room)
        guest.set64(8, buffer)
        return guest.call(__HYPERVISOR_memory_op, UInt64(command), guest.address(0))
      }
      #expect(read(guest, XENMEM_memory_map, room: 10, buffer: guest.address(0x100)) == XenError.notImplemented.code)
      // struct xen_foreign_memory_map; two entries of 20 bytes.
      control.set16(0, 3)
      control.set32(8, 2)
      control.set64(16, control.address(0x200))
      let words: [UInt32] = [0, 0, 0x9f000, 0, 1, 0x10_0000, 0, 0x3000_0000, 1, 2]
      for (index, word) in words.enumerated() { control.set32(0x200 + index * 4, word) }
      #expect(control.call(__HYPERVISOR_memory_op, UInt64(XENMEM_set_memory_map), control.address(0)) == 0)
      control.set32(8, 129)
      #expect(
        control.call(__HYPERVISOR_memory_op, UInt64(XENMEM_set_memory_map), control.address(0)) == XenError.tooBig.code)
      #expect(read(guest, XENMEM_memory_map, room: 10, buffer: guest.address(0x100)) == 0)
      #expect(guest.get32(0) == 2)
      for (index, word) in words.enumerated() { #expect(guest.get32(0x100 + index * 4) == word) }
      // Room for one only.
      guest.clear(0x100..<0x140)
      #expect(read(guest, XENMEM_memory_map, room: 1, buffer: guest.address(0x100)) == 0)
      #expect(guest.get32(0) == 1 && guest.get32(0x100 + 20) == 0)

      #expect(
        read(guest, XENMEM_machine_memory_map, room: 1, buffer: guest.address(0x100)) == XenError.notPermitted.code)
      world.publishMemory([
        E820Entry(start: 0, size: 0xa0000, kind: 1), E820Entry(start: 1 << 20, size: 1 << 40, kind: 2),
      ])
      #expect(read(control, XENMEM_machine_memory_map, room: 0, buffer: 0) == 0)
      #expect(control.get32(0) == 2)
      #expect(read(control, XENMEM_machine_memory_map, room: 9, buffer: control.address(0x100)) == 0)
      #expect(control.get32(0) == 2 && control.get32(0x100 + 8) == 0xa0000 && control.get32(0x100 + 36) == 2)
      #expect(read(control, XENMEM_machine_memory_map, room: 9, buffer: 0xffff_8000_0000_0000) == XenError.fault.code)
    }
  }

  @Test func `the machine-to-physical table's place is told`() {
    SimulatedMachine.run { world in
      let guest = world.guest(3)
      #expect(guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_machphys_mapping), guest.address(0)) == 0)
      #expect(guest.get64(0) == 0xffff_8000_0000_0000)
      #expect(guest.get64(8) == 0xffff_8000_0000_0000 + MachinePlan().frames * 8)
      #expect(guest.get64(16) == MachinePlan().frames - 1)
      guest.set32(0, 4)
      guest.set64(8, guest.address(0x100))
      #expect(guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_machphys_mfn_list), guest.address(0)) == 0)
      #expect(guest.get32(16) == 1)
      #expect(guest.get64(0x100) == Ref<Hypervisor>.shared[].machineToPhysical.first.number)
      #expect(guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_machphys_compat_mfn_list), guest.address(0)) == -95)
    }
  }

  /// C1: what is claimed is nobody else's.
  @Test func `a claim keeps frames for its domain`() {
    SimulatedMachine.run { world in
      let control = world.guest(0, isPrivileged: true)
      let (one, other) = (world.guest(3), world.guest(4))
      /// A claim of so many frames besides those that each has from the start; zero ends it.
      func claim(_ caller: SimulatedGuest, _ domain: UInt16, _ frames: UInt64) -> Int64 {
        caller.clear(0..<32)
        caller.set64(8, frames == 0 ? 0 : SimulatedGuest.frames + frames)
        caller.set16(24, domain)
        return caller.call(__HYPERVISOR_memory_op, UInt64(XENMEM_claim_pages), caller.address(0))
      }
      let free = ledger[].freeFrames
      #expect(claim(one, 3, 10) == XenError.notPermitted.code)
      #expect(claim(control, 3, free + 1) == XenError.noMemory.code)
      #expect(claim(control, 3, free - 8) == 0)
      #expect(claim(control, 4, 9) == XenError.noMemory.code)
      #expect(claim(control, 3, 5) == XenError.invalid.code)
      // The other domain gets what is left, its owner what it was promised.
      #expect(ReservationTests.ask(control, XENMEM_increase_reservation, count: 100, domain: 4, list: 0x1000) == 8)
      #expect(other.gained == 8)
      #expect(ReservationTests.ask(control, XENMEM_increase_reservation, count: 100, domain: 3, list: 0x1000) == 100)
      #expect(MachineMemory.outstandingClaims == free - 108)
      #expect(claim(control, 3, 0) == 0)
      #expect(MachineMemory.outstandingClaims == 0)
      #expect(ReservationTests.ask(control, XENMEM_increase_reservation, count: 100, domain: 4, list: 0x1000) == 100)
    }
  }

  @Test func `the toolstack gets a domain's grant table`() {
    SimulatedMachine.run { world in
      let control = world.guest(0, isPrivileged: true)
      let guest = world.guest(3)
      // struct xen_mem_acquire_resource
      func acquire(type: UInt16 = 1, id: UInt32 = 0, count: UInt32, first: UInt64 = 0, list: UInt64) -> Int64 {
        control.clear(0..<40)
        control.set16(0, 3)
        control.set16(2, type)
        control.set32(4, id)
        control.set32(8, count)
        control.set64(16, first)
        control.set64(24, list)
        return control.call(__HYPERVISOR_memory_op, UInt64(XENMEM_acquire_resource), control.address(0))
      }
      #expect(acquire(count: 0, list: 0) == 0)
      #expect(control.get32(8) == 64)
      #expect(acquire(count: 2, list: control.address(0x100)) == 0)
      for index in 0..<2 {
        let frame = MachineFrame(control.get64(0x100 + index * 8))
        #expect(ledger[].owner(frame) == guest.id && isShared(frame))
      }
      #expect(control.get64(0x100) != control.get64(0x108))
      #expect(acquire(count: 1, first: 64, list: control.address(0x100)) == XenError.invalid.code)
      #expect(acquire(count: 65, list: control.address(0x100)) == XenError.invalid.code)
      #expect(acquire(count: 1, first: UInt64.max, list: control.address(0x100)) == XenError.invalid.code)
      #expect(acquire(type: 0, count: 1, list: control.address(0x100)) == XenError.notSupported.code)
      #expect(acquire(id: 2, count: 1, list: control.address(0x100)) == XenError.invalid.code)
      #expect(
        guest.call(__HYPERVISOR_memory_op, UInt64(XENMEM_acquire_resource), guest.address(0))
          == XenError.notPermitted.code)
    }
  }
}
