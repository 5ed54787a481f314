// SPDX-License-Identifier: Apache-2.0
//
// MSR decisions, against what Xen 4.17 answered a Domain 0 that read every register and wrote back what it had read.

import Testing

@testable import Instructions

/// Ranges of registers that Xen 4.17 let Domain 0 read under QEMU's Haswell; all others it tried gave #GP. Writes that
/// Linux carries out by hypercall or drops are not listed: they never reached Xen.
private let readableOnHaswell: [ClosedRange<UInt32>] = [
  0...1, 0x10...0x10, 0x17...0x17, 0x1b...0x1b, 0x3a...0x3a, 0x8b...0x8b, 0xc1...0xc8, 0xce...0xce, 0x140...0x140,
  0x179...0x17b, 0x186...0x189, 0x198...0x199, 0x19c...0x19c, 0x1a0...0x1a0, 0x277...0x277, 0x280...0x284,
  0x309...0x30b, 0x345...0x345, 0x38d...0x390, 0x400...0x42f, 0x4000_0000...0x4000_0000, 0xc000_0080...0xc000_0080,
  0xc000_0100...0xc000_0103, 0xc001_001f...0xc001_001f,
]

/// The registers that were tried.
private let tried: [ClosedRange<UInt32>] = [
  0...0x20, 0x2a...0x3d, 0x48...0x49, 0x79...0x79, 0x8b...0x8b, 0x9b...0x9b, 0xc1...0xcf, 0xe2...0xe8, 0xfe...0xfe,
  0x10b...0x10b, 0x11e...0x123, 0x140...0x140, 0x174...0x17f, 0x186...0x18d, 0x198...0x19d, 0x1a0...0x1b2,
  0x1c8...0x1dd, 0x1fc...0x1fc, 0x277...0x277, 0x280...0x284, 0x309...0x30b, 0x345...0x345, 0x38d...0x390,
  0x3f1...0x3f1, 0x400...0x42f, 0x480...0x491, 0x4c1...0x4c1, 0x570...0x570, 0x600...0x61a, 0x680...0x680,
  0x6e0...0x6e0, 0x770...0x774, 0x800...0x840, 0xc80...0xc81, 0xd90...0xd90, 0xda0...0xda0, 0x4000_0000...0x4000_0001,
  0xc000_0080...0xc000_0085, 0xc000_00e7...0xc000_00e9, 0xc000_0100...0xc000_0104, 0xc001_0000...0xc001_0064,
  0xc001_0111...0xc001_0118, 0xc001_0140...0xc001_0141, 0xc001_0200...0xc001_020b, 0xc001_1000...0xc001_1030,
]

private func policy(_ vendor: ProcessorVendor, control: Bool = false, _ change: (inout MSRPolicy) -> Void = { _ in })
  -> MSRPolicy
{
  var policy = MSRPolicy()
  policy.vendor = vendor
  policy.isControlDomain = control
  change(&policy)
  return policy
}

@Suite struct MSRPolicyTests {
  @Test func readsAgreeWithXen() {
    // Martlet also answers: MTRRcap, the event selectors of counters 4 to 7, and DEBUGCTL.
    let more: Set<UInt32> = [0xfe, 0x18a, 0x18b, 0x18c, 0x18d, 0x1d9]
    let policy = policy(.intel, control: true)
    for number in tried.joined() {
      let isReadable = readableOnHaswell.contains { $0.contains(number) } || more.contains(number)
      #expect((policy.read(number, vcpu: 0) != .fault) == isReadable, "\(String(number, radix: 16))")
    }
  }

  @Test func valuesAgreeWithXen() {
    let policy = policy(.intel, control: true)
    let constants: [(UInt32, UInt64)] = [
      (0, 0), (0x1b, 0xfee0_0900), (0x3a, 1), (0xce, 0), (0x1a0, 0x0080_1801), (0x277, 0x0000_0501_0007_0406),
      (0x345, 0), (0x4000_0000, 0), (0xc001_001f, 0),
    ]
    for (number, value) in constants {
      #expect(policy.read(number, vcpu: 0) == .constant(value), "\(String(number, radix: 16))")
    }
    #expect(policy.read(0x1b, vcpu: 1) == .constant(0xfee0_0800))
    #expect(policy.read(0xc000_0080, vcpu: 0) == .hardware(mask: 0xd01))
    #expect(policy.read(0x10, vcpu: 0) == .emulated(.timeStampCounter))
    #expect(policy.read(0xc000_0102, vcpu: 0) == .emulated(.kernelGSBase))
    // No machine-check banks.
    #expect(policy.read(0x179, vcpu: 0) == .constant(0))
  }

  @Test func writes() {
    let policy = policy(.intel, control: true)
    let rows: [(UInt32, UInt64, MSRWrite)] = [
      (0x10, 0, .fault), (0x1b, 0xfee0_0900, .fault), (0x3a, 1, .fault), (0x8b, 0, .ignore), (0x8b, 1, .fault),
      (0x79, 0, .fault), (0x140, 0, .ignore), (0x174, 5, .ignore), (0x176, 5, .ignore), (0x179, 0, .ignore),
      (0x199, 7, .ignore), (0x1a0, 0, .ignore), (0x1d9, 0, .ignore), (0x1d9, 1, .fault), (0x200, 0, .fault),
      (0x277, MSRPolicy.pageAttributes, .ignore), (0x277, 0x0007_0406_0007_0406, .fault), (0x400, 0, .ignore),
      (0x4000_0000, 0x1000, .emulated(.hypercallPage)), (0xc000_0080, 0xd01, .ignore), (0xc000_0082, 1, .ignore),
      (0xc000_0100, 1, .emulated(.fsBase)), (0xc000_0101, 1, .emulated(.gsBase)),
      (0xc000_0102, 1, .emulated(.kernelGSBase)), (0xc000_0103, 1, .emulated(.timeStampAuxiliary)),
      (0x6e0, 1, .fault), (0x800, 1, .fault), (0xdead_beef, 0, .fault),
    ]
    for (number, value, expected) in rows {
      #expect(policy.write(number, value, vcpu: 0) == expected, "\(String(number, radix: 16))")
    }
  }

  @Test func audiences() {
    // MTRRs and AMD's memory map: Domain 0 reads them, others get #GP.
    #expect(policy(.intel, control: true).read(0xfe, vcpu: 0) == .hardware(mask: .max))
    #expect(policy(.intel).read(0xfe, vcpu: 0) == .fault)
    #expect(policy(.amd, control: true).read(0xc001_001a, vcpu: 0) == .hardware(mask: .max))
    #expect(policy(.amd).read(0xc001_001a, vcpu: 0) == .fault)
    #expect(policy(.intel, control: true).read(0xc001_001a, vcpu: 0) == .fault)
    // One maker's registers are unknown on the other's processors.
    #expect(policy(.amd).read(0xc1, vcpu: 0) == .fault && policy(.intel).read(0xc1, vcpu: 0) == .constant(0))
    #expect(policy(.intel).read(0xc001_0015, vcpu: 0) == .fault)
    #expect(policy(.amd).read(0xc001_0015, vcpu: 0) == .constant(1 << 24))
    // Speculation control and ARCH_CAPABILITIES where they are offered.
    let offering = policy(.intel) {
      $0.offersSpeculationControl = true
      $0.hasArchitecturalCapabilities = true
    }
    #expect(policy(.intel).read(0x48, vcpu: 0) == .fault)
    #expect(policy(.intel).write(0x49, 1, vcpu: 0) == .fault)
    #expect(offering.read(0x48, vcpu: 0) == .emulated(.speculationControl))
    #expect(offering.write(0x49, 1, vcpu: 0) == .emulated(.predictionCommand))
    #expect(offering.read(0x49, vcpu: 0) == .fault)
    #expect(policy(.intel).read(0x10a, vcpu: 0) == .fault)
    #expect(offering.read(0x10a, vcpu: 0) == .hardware(mask: MSRPolicy.capabilitiesMask))
  }

  @Test func relaxedIsQuietAboutTheUnknown() {
    let relaxed = policy(.intel) { $0.isRelaxed = true }
    #expect(relaxed.read(0xdead_beef, vcpu: 0) == .constant(0))
    #expect(relaxed.write(0xdead_beef, 1, vcpu: 0) == .ignore)
    // What the table refuses stays refused.
    #expect(relaxed.write(0x10, 1, vcpu: 0) == .fault)
  }
}
