// SPDX-License-Identifier: Apache-2.0
//
// Local APIC identifiers taken apart, as processors of each kind tell.

import Testing

@testable import Instructions

@Suite struct HostTopologyTests {
  private static let intel = CPUIDRegisters(eax: 0xd, ebx: 0x756e_6547, ecx: 0x6c65_746e, edx: 0x4965_6e69)
  private static let amd = CPUIDRegisters(eax: 0xd, ebx: 0x6874_7541, ecx: 0x444d_4163, edx: 0x6974_6e65)

  private func topology(_ leaves: [UInt64: CPUIDRegisters]) -> HostTopology {
    HostTopology { leaf, subleaf in leaves[UInt64(leaf) << 32 | UInt64(subleaf)] ?? CPUIDRegisters() }
  }

  @Test func `leaf 0xB is believed first`() {
    let found = topology([
      0: Self.intel, 1 << 32: CPUIDRegisters(ebx: 0x0002_0000, edx: 1 << 28),
      0xb << 32: CPUIDRegisters(eax: 1, ebx: 2, ecx: 0x100), 0xb << 32 | 1: CPUIDRegisters(eax: 4, ebx: 12, ecx: 0x201),
    ])
    #expect(found == HostTopology(threadBits: 1, packageBits: 4))
    #expect(found.package(0x25) == 2)
    #expect(found.core(0x25) == 2)
    #expect(found.core(0x24) == 2)
    #expect(found.core(0x26) == 3)
  }

  @Test func `an older Intel tells by leaves 1 and 4`() {
    var four = Self.intel
    four.eax = 4
    // Room for 8 threads, 4 cores.
    let found = topology([
      0: four, 1 << 32: CPUIDRegisters(ebx: 0x0008_0000, edx: 1 << 28), 4 << 32: CPUIDRegisters(eax: 3 << 26 | 0x121),
    ])
    #expect(found == HostTopology(threadBits: 1, packageBits: 3))
  }

  @Test func `AMD tells by its own leaves`() {
    let plain = topology([
      0: Self.amd, 1 << 32: CPUIDRegisters(ebx: 0x0006_0000, edx: 1 << 28),
      0x8000_0000 << 32: CPUIDRegisters(eax: 0x8000_0008), 0x8000_0008 << 32: CPUIDRegisters(ecx: 5),
    ])
    #expect(plain == HostTopology(threadBits: 0, packageBits: 3))
    let threaded = topology([
      0: Self.amd, 1 << 32: CPUIDRegisters(ebx: 0x0010_0000, edx: 1 << 28),
      0x8000_0000 << 32: CPUIDRegisters(eax: 0x8000_001e), 0x8000_0001 << 32: CPUIDRegisters(ecx: 1 << 22),
      0x8000_0008 << 32: CPUIDRegisters(ecx: 0x500f), 0x8000_001e << 32: CPUIDRegisters(ebx: 0x100),
    ])
    #expect(threaded == HostTopology(threadBits: 1, packageBits: 5))
  }

  @Test func `one thread, or nonsense, is a package of its own`() {
    #expect(topology([0: Self.intel]) == HostTopology(threadBits: 0, packageBits: 0))
    #expect(topology([0: Self.intel]).package(7) == 7)
    let wild = HostTopology { _, _ in CPUIDRegisters(eax: .max, ebx: .max, ecx: 0x0000_01ff, edx: .max) }
    #expect(wild.packageBits <= 31)
    #expect(wild.threadBits <= wild.packageBits)
    _ = wild.core(.max)
  }
}
