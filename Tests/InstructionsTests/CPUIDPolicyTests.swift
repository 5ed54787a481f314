// SPDX-License-Identifier: Apache-2.0
//
// What PV guests see in CPUID: against what Xen 4.17 showed Domain 0 on the same processors, with each difference
// written down; and on made-up processors for what those do not have.

import Testing

@testable import Instructions

/// A processor that says yes to everything, with AVX-512's layout in leaf 0xD.
private func everything(_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDRegisters {
  let all = CPUIDRegisters(eax: .max, ebx: .max, ecx: .max, edx: .max)
  switch (leaf, subleaf) {
  case (0, _): return CPUIDRegisters(eax: 0x20, ebx: 0x756e_6547, ecx: 0x6c65_746e, edx: 0x4965_6e69)
  case (4, 0...3): return CPUIDRegisters(eax: 0xfc00_4000 | [0x121, 0x122, 0x143, 0x163][Int(subleaf)], ebx: 1)
  case (4, _): return CPUIDRegisters()
  case (7, 0): return CPUIDRegisters(eax: 5, ebx: .max, ecx: .max, edx: .max)
  case (0xd, 0), (0xd, 1): return all
  case (0xd, 2): return CPUIDRegisters(eax: 256, ebx: 576)
  case (0xd, 5): return CPUIDRegisters(eax: 40, ebx: 1088)
  case (0xd, 6): return CPUIDRegisters(eax: 512, ebx: 1152, ecx: 2)
  case (0xd, 7): return CPUIDRegisters(eax: 1024, ebx: 1664, ecx: 2)
  case (0xd, 9): return CPUIDRegisters(eax: 8, ebx: 2688)
  case (0x8000_0000, _): return CPUIDRegisters(eax: 0x8000_00ff)
  default: return all
  }
}

private func traits(_ change: (inout CPUIDTraits) -> Void = { _ in }) -> CPUIDTraits {
  var traits = CPUIDTraits()
  traits.extendedStateMask = 0xe7
  traits.vcpuLimit = 4
  change(&traits)
  return traits
}

private let osxsave: UInt64 = 1 << 18

@Suite struct CPUIDPolicyTests {
  private func view(
    _ traits: CPUIDTraits, _ leaf: UInt32, _ subleaf: UInt32 = 0, vcpu: UInt32 = 0, cr4: UInt64 = osxsave,
    xcr0: UInt64 = 0xe7
  ) -> CPUIDRegisters {
    let policy = CPUIDPolicy(traits, host: everything)
    let processor = CPUIDVirtualProcessor(index: vcpu, cr4: cr4, xcr0: xcr0)
    return policy.view(leaf: leaf, subleaf: subleaf, processor: processor, host: everything)
  }

  @Test func agreesWithXenOnRecordedProcessors() {
    // Where Martlet means to differ from what was recorded: the leaf and what Martlet says.
    let haswellDifferences: [UInt64: CPUIDRegisters] = [
      // Two vCPUs span four APIC IDs.
      1 << 32: CPUIDRegisters(eax: 0x0003_06c1, ebx: 0x0004_0800, ecx: 0xced8_2203, edx: 0x1789_dbf5),
      4 << 32: CPUIDRegisters(eax: 0x0c00_4121, ebx: 0x01c0_003f, ecx: 0x3f, edx: 1),
      4 << 32 | 1: CPUIDRegisters(eax: 0x0c00_4122, ebx: 0x01c0_003f, ecx: 0x3f, edx: 1),
      4 << 32 | 2: CPUIDRegisters(eax: 0x0c00_4143, ebx: 0x03c0_003f, ecx: 0xfff, edx: 1),
      4 << 32 | 3: CPUIDRegisters(eax: 0x0c00_c163, ebx: 0x03c0_003f, ecx: 0x3fff, edx: 6),
      // Xen makes up ARCH_CAPABILITIES where the processor has none.
      7 << 32: CPUIDRegisters(ebx: 0x309),
      // Xen lets MTRR through in Intel's reserved bit 12.
      0x8000_0001 << 32: CPUIDRegisters(ecx: 0x21, edx: 0x2810_0800),
    ]
    compare(.haswell, haswellDifferences) {
      $0.vcpuLimit = 2
      $0.extendedStateMask = 3
    }
    let maximumDifferences: [UInt64: CPUIDRegisters] = [
      1 << 32: CPUIDRegisters(eax: 0x0006_0fb1, ebx: 0x0001_0800, ecx: 0xfed8_3203, edx: 0x0fc9_d3f5),
      // Xen makes up leaf 0x80000021.
      0x8000_0000 << 32: CPUIDRegisters(eax: 0x8000_000a, ebx: 0x6874_7541, ecx: 0x444d_4163, edx: 0x6974_6e65),
    ]
    compare(.maximum, maximumDifferences) {
      $0.vcpuLimit = 1
      $0.extendedStateMask = .max
    }
  }

  private func compare(
    _ recorded: RecordedProcessor, _ differences: [UInt64: CPUIDRegisters], _ change: (inout CPUIDTraits) -> Void
  ) {
    var traits = CPUIDTraits()
    traits.isControlDomain = true
    change(&traits)
    let policy = CPUIDPolicy(traits, host: recorded.cpuid)
    let processor = CPUIDVirtualProcessor(index: 0, cr4: osxsave, xcr0: policy.extendedStateMask)
    for row in recorded.leaves {
      let seen = policy.view(leaf: row.leaf, subleaf: row.subleaf, processor: processor, host: recorded.cpuid)
      let expected = differences[UInt64(row.leaf) << 32 | UInt64(row.subleaf)] ?? row.xen
      #expect(seen == expected, "\(String(row.leaf, radix: 16)).\(row.subleaf)")
    }
  }

  /// No row twice, and the named bits where the manual has them.
  @Test func tableIsSound() {
    for word in FeatureWord.allCases {
      var seen: Set<UInt8> = []
      var names: Set<String> = []
      FeatureTable.visit(word) { row in
        #expect(row.bit < 32 && seen.insert(row.bit).inserted, "\(word) bit \(row.bit) twice")
        #expect(names.insert("\(row.name)").inserted, "\(word) \(row.name) twice")
      }
      #expect(!seen.isEmpty)
    }
  }

  @Test func privilegedFeaturesAreHiddenFromEverybody() {
    for isControlDomain in [false, true] {
      let traits = traits {
        $0.isControlDomain = isControlDomain
        $0.offersSpeculationControl = true
        $0.offersInvariantTimeStamp = true
      }
      let one = view(traits, 1)
      // monitor, vmx, smx, eist, pcid, x2apic, tsc_deadline, dca.
      for bit in [3, 5, 6, 7, 17, 18, 21, 24] as [UInt32] { #expect(one.ecx & (1 << bit) == 0, "1.ecx \(bit)") }
      // vme, pse, pge, pse36, ds.
      for bit in [1, 3, 13, 17, 21] as [UInt32] { #expect(one.edx & (1 << bit) == 0, "1.edx \(bit)") }
      // fpu, tsc, msr, pae, mce, cx8, cmov, pat, fxsr, sse, sse2.
      for bit in [0, 4, 5, 6, 7, 8, 15, 16, 24, 25, 26] as [UInt32] { #expect(one.edx & (1 << bit) != 0) }
      #expect((one.edx & (1 << 12) != 0) == isControlDomain)
      let seven = view(traits, 7)
      #expect(seven.eax == 2)
      // tsc_adjust, sgx, smep, invpcid, pqm, mpx, smap, proc_trace.
      for bit in [1, 2, 7, 10, 12, 14, 20, 25] as [UInt32] { #expect(seven.ebx & (1 << bit) == 0, "7.ebx \(bit)") }
      // fsgsbase, bmi1, avx2, bmi2, erms, avx512f.
      for bit in [0, 3, 5, 8, 9, 16] as [UInt32] { #expect(seven.ebx & (1 << bit) != 0, "7.ebx \(bit)") }
      // umip, pku, ospke, la57.
      for bit in [2, 3, 4, 16] as [UInt32] { #expect(seven.ecx & (1 << bit) == 0, "7.ecx \(bit)") }
      let extended = view(traits, 0x8000_0001)
      // nx, rdtscp, lm; not 1 GiB pages, not svm.
      #expect(extended.edx & (1 << 20 | 1 << 27 | 1 << 29) == 1 << 20 | 1 << 27 | 1 << 29)
      #expect(extended.edx & (1 << 26) == 0 && extended.ecx & (1 << 2) == 0)
      #expect(view(traits, 0xd, 1).eax == 7)
    }
  }

  @Test func offersAreWhatTraitsSay() {
    let modest = traits()
    let generous = traits {
      $0.offersSpeculationControl = true
      $0.offersInvariantTimeStamp = true
    }
    #expect(view(modest, 7).edx & (1 << 26) == 0 && view(generous, 7).edx & (1 << 26) != 0)
    #expect(view(modest, 0x8000_0008).ebx & (1 << 12) == 0 && view(generous, 0x8000_0008).ebx & (1 << 12) != 0)
    #expect(view(modest, 0x8000_0007).edx == 0 && view(generous, 0x8000_0007).edx == 1 << 8)
  }

  @Test func osxsaveFollowsTheGuest() {
    #expect(view(traits(), 1, cr4: 0).ecx & (3 << 26) == 1 << 26)
    #expect(view(traits(), 1, cr4: osxsave).ecx & (3 << 26) == 3 << 26)
    let without = traits { $0.extendedStateMask = 0 }
    #expect(view(without, 1).ecx & (3 << 26) == 0)
    #expect(view(without, 0xd) == CPUIDRegisters())
  }

  @Test func vectorFeaturesFollowTheStateMask() {
    for mask in [0, 1, 3, 7, 0xe3, 0xe7, 0x27, .max] as [UInt64] {
      let traits = traits { $0.extendedStateMask = mask }
      let offered = view(traits, 0xd).eax
      #expect(offered & ~0xe7 == 0)
      #expect(offered == 0 || offered & 3 == 3)
      #expect((view(traits, 1).ecx & (1 << 28) != 0) == (offered & 4 != 0))
      #expect((view(traits, 7).ebx & (1 << 5) != 0) == (offered & 4 != 0))
      #expect((view(traits, 7).ebx & (1 << 16) != 0) == (offered & 0xe4 == 0xe4))
    }
  }

  @Test func saveAreaSizes() {
    let all = view(traits(), 0xd, 0, xcr0: 7)
    #expect(all.ebx == 832 && all.ecx == 2688)
    let narrow = traits { $0.extendedStateMask = 7 }
    #expect(view(narrow, 0xd, 0, xcr0: 3).ebx == 576 && view(narrow, 0xd, 0).ecx == 832)
    // Compacted: AVX at 576, opmask at 832, upper halves aligned from 872 to 896, the rest at 1408.
    #expect(view(traits(), 0xd, 1, xcr0: 0xe7).ebx == 1408 + 1024)
    #expect(view(traits(), 0xd, 6) == CPUIDRegisters(eax: 512, ebx: 1152, ecx: 2))
    #expect(view(narrow, 0xd, 6) == CPUIDRegisters())
    #expect(view(traits(), 0xd, 9) == CPUIDRegisters())
    #expect(view(traits(), 0xd, 63) == CPUIDRegisters() && view(traits(), 0xd, .max) == CPUIDRegisters())
  }

  @Test func topologyIsTheDomains() {
    for (limit, identifiers) in [(1, 1), (2, 4), (3, 8), (4, 8), (32, 64), (200, 64), (UInt32.max, 64)]
      as [(UInt32, UInt32)]
    {
      let traits = traits { $0.vcpuLimit = limit }
      #expect((view(traits, 1).ebx >> 16) & 0xff == identifiers)
      #expect((view(traits, 1).edx & (1 << 28) != 0) == (limit > 1))
      #expect(view(traits, 4, 0).eax >> 26 == identifiers - 1)
      #expect((view(traits, 4, 3).eax >> 14) & 0xfff == identifiers - 1)
    }
    #expect(view(traits(), 4, 4) == CPUIDRegisters())
    for vcpu in [0, 1, 3, 127] as [UInt32] { #expect(view(traits(), 1, vcpu: vcpu).ebx >> 24 == vcpu * 2) }
    _ = view(traits(), 1, vcpu: .max)
  }

  @Test func hypervisorLeaves() {
    var traits = traits { $0.machineAddressWidth = 46 }
    traits.time.hasRDTSCP = true
    traits.time.isReliable = true
    traits.time.mode = 2
    traits.time.guestKilohertz = 2_600_000
    traits.time.hostKilohertz = 2_600_001
    traits.time.incarnation = 5
    traits.time.offset = 0x1122_3344_5566_7788
    traits.time.multiplier = 0x9999
    traits.time.shift = -1
    #expect(
      view(traits, 0x4000_0000)
        == CPUIDRegisters(eax: 0x4000_0005, ebx: 0x566e_6558, ecx: 0x6558_4d4d, edx: 0x4d4d_566e))
    #expect(view(traits, 0x4000_0001) == CPUIDRegisters(eax: 0x0004_0011))
    #expect(view(traits, 0x4000_0002) == CPUIDRegisters(eax: 1, ebx: 0x4000_0000, ecx: 1))
    #expect(view(traits, 0x4000_0003) == CPUIDRegisters(eax: 6, ebx: 2, ecx: 2_600_000, edx: 5))
    #expect(
      view(traits, 0x4000_0003, 1)
        == CPUIDRegisters(eax: 0x5566_7788, ebx: 0x1122_3344, ecx: 0x9999, edx: 0xffff_ffff))
    #expect(view(traits, 0x4000_0003, 2) == CPUIDRegisters(eax: 2_600_001))
    #expect(view(traits, 0x4000_0004) == CPUIDRegisters())
    #expect(view(traits, 0x4000_0005) == CPUIDRegisters(ebx: 46))
    for leaf in [0x4000_0006, 0x4000_0100, 0x4fff_ffff, 0xe, 0x7fff_ffff, 0x8000_0022, 0xc000_0000, .max] as [UInt32] {
      #expect(view(traits, leaf) == CPUIDRegisters(), "\(String(leaf, radix: 16))")
    }
    // Serial number, MWAIT, thermal, chipset, counters, x2APIC topology.
    for leaf in [3, 5, 6, 8, 9, 0xa, 0xb, 0xc] as [UInt32] { #expect(view(traits, leaf) == CPUIDRegisters()) }
  }
}
