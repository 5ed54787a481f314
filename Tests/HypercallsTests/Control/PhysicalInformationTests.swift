// SPDX-License-Identifier: Apache-2.0
// What the toolstack is told of the machine.
import CXenABI
import Domains
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Hypercalls

@Suite struct PhysicalInformationTests {
  /// Three processors, two of them in use, and a map with 12 MiB of RAM.
  static func run(_ body: (SystemMachine) throws -> Void) rethrows {
    try SystemMachine.run { machine in
      CPUs.setStarted(3)
      CPUs.setOnline(2, true)
      CPUs.setAPICID(2, 2)
      defer {
        CPUs.setOnline(2, false)
        CPUs.setStarted(1)
      }
      machine.world.publishMemory([
        E820Entry(start: 0, size: 0x10_0000, kind: 1), E820Entry(start: 0x10_0000, size: 0x10_0000, kind: 2),
        E820Entry(start: 0x20_0800, size: 0xb0_0800, kind: 1),
      ])
      try body(machine)
    }
  }

  @Test func `processors, memory, capabilities`() {
    Self.run { machine in
      let free = ledger[].freeFrames
      #expect(machine.sysctl(XEN_SYSCTL_physinfo, xen_sysctl_physinfo()) == 0)
      let told = machine.get(machine.body, xen_sysctl_physinfo())
      #expect(told.nr_cpus == 2)
      #expect(told.max_cpu_id == 2)
      #expect(told.threads_per_core >= 1)
      #expect(told.cores_per_socket >= 1)
      #expect(told.nr_nodes == 1)
      #expect(told.max_node_id == 0)
      #expect(told.cpu_khz == 1_000_000)
      #expect(told.capabilities == 0x302)
      #expect(told.arch_capabilities == 0)
      // Whole pages of RAM only: 256 below 1 MiB, and from 0x201 to 0xd01 exclusive.
      #expect(told.total_pages == 256 + 0xb00)
      #expect(told.free_pages == free)
      #expect(told.scrub_pages == 0)
      #expect(told.outstanding_pages == 0)
      #expect(told.max_mfn == machine.world.frames - 1)
      #expect(told.hw_cap.0 == Registers.cpuid(1).edx & told.hw_cap.0)
      #expect(told.hw_cap.0 & 1 == 1)
    }
  }

  @Test func `outstanding claims are told`() throws {
    try Self.run { machine in
      try MachineMemory.claim(machine.other, total: 100)
      #expect(machine.sysctl(XEN_SYSCTL_physinfo, xen_sysctl_physinfo()) == 0)
      #expect(machine.get(machine.body, xen_sysctl_physinfo()).outstanding_pages == 100)
    }
  }

  @Test func `others than Domain 0 are told nothing`() {
    Self.run { machine in
      machine.put(SystemMachine.operation, UInt64(XEN_SYSCTL_INTERFACE_VERSION) << 32 | UInt64(XEN_SYSCTL_physinfo))
      let answer = machine.world.call(
        machine.other[].vcpu(index: 0)!, __HYPERVISOR_sysctl, [SystemMachine.operation])
      #expect(answer == XenError.notPermitted.code)
    }
  }

  @Test func `places of processors`() {
    Self.run { machine in
      // Without a buffer: how many.
      #expect(machine.sysctl(XEN_SYSCTL_cputopoinfo, martlet_cputopoinfo()) == 0)
      #expect(machine.get(machine.body, martlet_cputopoinfo()).num_cpus == 3)
      // With room for two.
      let size = UInt64(MemoryLayout<xen_sysctl_cputopo>.size)
      machine.put(SystemMachine.buffer + 2 * size, UInt32(0x5555))
      #expect(
        machine.sysctl(
          XEN_SYSCTL_cputopoinfo, martlet_cputopoinfo(num_cpus: 2, padding: 0, cputopo: SystemMachine.buffer)) == 0)
      #expect(machine.get(machine.body, martlet_cputopoinfo()).num_cpus == 3)
      #expect(machine.get32(SystemMachine.buffer + 2 * size) == 0x5555)
      let first = machine.get(SystemMachine.buffer, xen_sysctl_cputopo())
      #expect(first.node == 0)
      #expect(first.core != UInt32.max)
      // The second was started and is not in use.
      #expect(machine.get(SystemMachine.buffer + size, xen_sysctl_cputopo()).socket == UInt32.max)
      // With more room than there are, up to the very end of memory.
      let last = SystemMachine.end - 3 * size
      #expect(
        machine.sysctl(
          XEN_SYSCTL_cputopoinfo, martlet_cputopoinfo(num_cpus: UInt32.max, padding: 0, cputopo: last)) == 0)
      #expect(machine.get(last + 2 * size, xen_sysctl_cputopo()).node == 0)
      #expect(
        machine.sysctl(
          XEN_SYSCTL_cputopoinfo, martlet_cputopoinfo(num_cpus: 3, padding: 0, cputopo: last + 1))
          == XenError.fault.code)
      #expect(
        machine.sysctl(
          XEN_SYSCTL_cputopoinfo, martlet_cputopoinfo(num_cpus: 1, padding: 0, cputopo: 0xffff_8300_0000_0000))
          == XenError.fault.code)
    }
  }

  @Test func `one node`() {
    Self.run { machine in
      #expect(machine.sysctl(XEN_SYSCTL_numainfo, martlet_numainfo()) == 0)
      #expect(machine.get(machine.body, martlet_numainfo()).num_nodes == 1)
      let distance = SystemMachine.buffer + 0x800
      #expect(
        machine.sysctl(
          XEN_SYSCTL_numainfo,
          martlet_numainfo(num_nodes: 4, padding: 0, meminfo: SystemMachine.buffer, distance: distance)) == 0)
      let memory = machine.get(SystemMachine.buffer, xen_sysctl_meminfo())
      #expect(memory.memsize == (256 + 0xb00) << 12)
      #expect(memory.memfree == ledger[].freeFrames << 12)
      #expect(machine.get32(distance) == 10)
      #expect(machine.get32(distance + 4) == 0)
      // No room: nothing is written.
      machine.put(distance, UInt32(0))
      #expect(
        machine.sysctl(
          XEN_SYSCTL_numainfo, martlet_numainfo(num_nodes: 0, padding: 0, meminfo: 0x10, distance: distance)) == 0)
      #expect(machine.get32(distance) == 0)
      #expect(
        machine.sysctl(XEN_SYSCTL_numainfo, martlet_numainfo(num_nodes: 1, padding: 0, meminfo: 0x10, distance: 0))
          == XenError.fault.code)
    }
  }

  @Test func `nodes of PCI functions`() {
    Self.run { machine in
      let device = { (segment: UInt16) in physdev_pci_device(seg: segment, bus: 0xff, devfn: 0xff) }
      machine.put(SystemMachine.buffer, device(0))
      machine.put(SystemMachine.buffer + 4, device(1))
      let nodes = SystemMachine.buffer + 0x100
      let ask = { (count: UInt32, devices: UInt64, nodes: UInt64) in
        machine.sysctl(
          XEN_SYSCTL_pcitopoinfo, martlet_pcitopoinfo(num_devs: count, padding: 0, devs: devices, nodes: nodes))
      }
      #expect(ask(2, SystemMachine.buffer, nodes) == 0)
      #expect(machine.get(machine.body, martlet_pcitopoinfo()).num_devs == 2)
      #expect(machine.get32(nodes + 4) == UInt32.max - 1)
      #expect(ask(1, 0, nodes) == XenError.invalid.code)
      #expect(ask(1, SystemMachine.buffer, 0) == XenError.invalid.code)
      #expect(ask(1, SystemMachine.end, nodes) == XenError.fault.code)
      #expect(ask(0, SystemMachine.buffer, nodes) == 0)
    }
  }

  @Test func `free memory`() {
    Self.run { machine in
      let ask = { (low: UInt32, high: UInt32, node: Int32) in
        machine.sysctl(
          XEN_SYSCTL_availheap,
          xen_sysctl_availheap(min_bitwidth: low, max_bitwidth: high, node: node, avail_bytes: 0))
      }
      #expect(ask(0, 0, -1) == 0)
      #expect(machine.get(machine.body, xen_sysctl_availheap()).avail_bytes == ledger[].freeFrames << 12)
      #expect(ask(0, 64, 0) == 0)
      #expect(ask(0, 0, 1) == XenError.invalid.code)
      #expect(ask(0, 0, .min) == XenError.invalid.code)
      #expect(ask(0, 16, -1) == XenError.notSupported.code)
      #expect(ask(32, 0, -1) == XenError.notSupported.code)
    }
  }
}
