// SPDX-License-Identifier: Apache-2.0
//
// Policies that the toolstack narrows: never more than the widest (N1), and exactly what was wished where that is less.

import Testing

@testable import Instructions

@Suite struct NarrowedPolicyTests {
  static let processors: [RecordedProcessor] = [.haswell, .maximum]

  static func widest(_ processor: RecordedProcessor) -> CPUIDPolicy {
    var traits = CPUIDTraits()
    traits.extendedStateMask = 0xe7
    traits.offersInvariantTimeStamp = true
    traits.vcpuLimit = 4
    return CPUIDPolicy(traits, host: processor.cpuid)
  }

  /// All answers of a policy, as lists have them.
  static func leaves(_ policy: CPUIDPolicy, _ processor: RecordedProcessor) -> [PolicyLeaf] {
    var list: [PolicyLeaf] = []
    PolicyLeaves.visit({ policy.leaf($0, $1, host: processor.cpuid) }) {
      list.append($0)
      return true
    }
    return list
  }

  @Test(arguments: 0..<2) func `what a policy says of itself changes nothing`(index: Int) {
    let processor = Self.processors[index]
    let policy = Self.widest(processor)
    var wish = CPUIDWish(policy, host: processor.cpuid)
    for leaf in Self.leaves(policy, processor) {
      let isTaken = wish.take(leaf)
      #expect(isTaken)
    }
    #expect(wish.excess(over: policy) == nil)
    let again = policy.narrowed(to: wish)
    #expect(Self.leaves(again, processor) == Self.leaves(policy, processor))
    #expect(again.extendedStateMask == policy.extendedStateMask)
  }

  @Test(arguments: 1...200 as ClosedRange<UInt64>) func `no wish gets more than the widest policy (N1)`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for processor in Self.processors {
      let widest = Self.widest(processor)
      var wish = CPUIDWish(widest, host: processor.cpuid)
      for leaf in Self.leaves(widest, processor) where Bool.random(using: &generator) {
        var changed = leaf
        for register in 0..<4 as Range<UInt8> {
          let bits = UInt32.random(in: 0...UInt32.max, using: &generator)
          changed.answer[CPUIDRegister(rawValue: register)!] = seed & 1 == 0 ? bits : UInt32.max
        }
        let isTaken = wish.take(changed)
        #expect(isTaken)
      }
      wish.capabilities = UInt64.random(in: 0...UInt64.max, using: &generator)
      let policy = widest.narrowed(to: wish)
      for word in FeatureWord.allCases {
        #expect(policy.visible(word) & ~widest.visible(word) == 0)
        let place = word.place
        #expect(
          policy.leaf(place.leaf, place.subleaf, host: processor.cpuid)[place.register]
            & ~widest.leaf(place.leaf, place.subleaf, host: processor.cpuid)[place.register] == 0)
      }
      #expect(policy.extendedStateMask & ~widest.extendedStateMask == 0)
      #expect(policy.capabilities & ~widest.capabilities == 0)
      #expect(policy.maximumBasicLeaf <= widest.maximumBasicLeaf)
      #expect(policy.lastStructuredSubleaf <= widest.lastStructuredSubleaf)
      #expect(policy.maximumExtendedLeaf <= widest.maximumExtendedLeaf)
      // States stay such that the processor takes them.
      let states = policy.extendedStateMask
      #expect(states == 0 || states & 3 == 3)
      #expect(states & 0xe0 == 0 || states & 0xe4 == 0xe4)
    }
  }

  @Test func `without AVX nothing that needs it is left`() {
    let processor = RecordedProcessor.maximum
    let widest = Self.widest(processor)
    #expect(widest.extendedStateMask & 4 != 0)
    var wish = CPUIDWish(widest, host: processor.cpuid)
    var basic = PolicyLeaf(
      leaf: 1, subleaf: PolicyLeaf.none, answer: widest.leaf(1, 0, host: processor.cpuid))
    basic.answer.ecx &= ~(1 << 28)
    let isTaken = wish.take(basic)
    #expect(isTaken)
    let policy = widest.narrowed(to: wish)
    #expect(policy.extendedStateMask == 3)
    // FMA, F16C, AVX; AVX2.
    #expect(policy.leaf(1, 0, host: processor.cpuid).ecx & (1 << 12 | 1 << 28 | 1 << 29) == 0)
    #expect(policy.leaf(7, 0, host: processor.cpuid).ebx & (1 << 5) == 0)
    #expect(widest.leaf(7, 0, host: processor.cpuid).ebx & (1 << 5) != 0)
    // Others stay, and XSAVE with SSE's state alone.
    #expect(policy.leaf(1, 0, host: processor.cpuid).ecx & (1 << 26) != 0)
    #expect(policy.leaf(0xd, 0, host: processor.cpuid).ecx == 576)
  }

  @Test func `family, brand and highest leaves are shown as wished`() {
    let processor = RecordedProcessor.haswell
    let widest = Self.widest(processor)
    var wish = CPUIDWish(widest, host: processor.cpuid)
    wish.signature = 0x0001_0661
    wish.brand[0] = 0x2043_4241
    wish.brand[11] = 0x21
    wish.basicLeaf = 4
    wish.extendedLeaf = 0x8000_0004
    wish.hypervisorLeaf = 3
    wish.capabilities = 0
    let policy = widest.narrowed(to: wish)
    let view = { (leaf: UInt32) in
      policy.view(
        leaf: leaf, subleaf: 0, processor: CPUIDVirtualProcessor(index: 0, cr4: 0, xcr0: 3), host: processor.cpuid)
    }
    #expect(view(0).eax == 4)
    #expect(view(1).eax == 0x0001_0661)
    #expect(view(7) == CPUIDRegisters())
    #expect(view(0x8000_0000).eax == 0x8000_0004)
    #expect(view(0x8000_0002).eax == 0x2043_4241)
    #expect(view(0x8000_0004).edx == 0x21)
    #expect(view(0x8000_0006) == CPUIDRegisters())
    #expect(view(0x4000_0000).eax == 0x4000_0003)
    #expect(view(0x4000_0005) == CPUIDRegisters())
    #expect(!policy.showsCapabilities)
    wish.hypervisorLeaf = 0xff
    #expect(widest.narrowed(to: wish).hypervisor(0x4000_0000, 0).eax == 0x4000_0005)
    wish.hypervisorLeaf = 1
    #expect(widest.narrowed(to: wish).hypervisor(0x4000_0000, 0).eax == 0x4000_0002)
  }

  @Test func `more leaves than there are stand out`() {
    let processor = RecordedProcessor.haswell
    let widest = Self.widest(processor)
    var wish = CPUIDWish(widest, host: processor.cpuid)
    wish.basicLeaf += 1
    #expect(wish.excess(over: widest)?.leaf == 0)
    wish = CPUIDWish(widest, host: processor.cpuid)
    wish.structuredSubleaf += 1
    #expect(wish.excess(over: widest)?.leaf == 7)
    #expect(wish.excess(over: widest)?.subleaf == 0)
    wish = CPUIDWish(widest, host: processor.cpuid)
    wish.extendedLeaf += 1
    #expect(wish.excess(over: widest)?.leaf == 0x8000_0000)
  }

  /// As libxenguest 4.17.7 was seen to take them.
  @Test func `entries that lists have`() {
    let none = PolicyLeaf.none
    for (leaf, subleaf) in [
      (0, none), (0xc, none), (4, 0), (4, 5), (7, 2), (0xb, 1), (0xd, 0), (0xd, 62), (0x4000_0000, none),
      (0x4000_0100, none), (0x8000_0000, none), (0x8000_0021, none),
    ] as [(UInt32, UInt32)] {
      #expect(PolicyLeaves.isKnown(leaf, subleaf), "\(leaf) \(subleaf)")
    }
    for (leaf, subleaf) in [
      (0, 0), (0xc, 0), (4, none), (4, 6), (7, 3), (7, none), (0xb, 2), (0xd, 63), (0xd, none), (0xe, none),
      (0x4000_0001, none), (0x4000_0000, 0), (0x8000_0022, none), (0x8000_0001, 0), (none, none),
    ] as [(UInt32, UInt32)] {
      #expect(!PolicyLeaves.isKnown(leaf, subleaf), "\(leaf) \(subleaf)")
    }
  }

  @Test(arguments: 0..<2) func `lists are sorted, complete and not too long`(index: Int) {
    let processor = Self.processors[index]
    for list in [
      Self.leaves(Self.widest(processor), processor),
      {
        var list: [PolicyLeaf] = []
        PolicyLeaves.visit({ PolicyLeaves.raw($0, $1, host: processor.cpuid) }) {
          list.append($0)
          return true
        }
        return list
      }(),
    ] {
      #expect(list.count <= PolicyLeaves.maximum)
      #expect(list.allSatisfy { PolicyLeaves.isKnown($0.leaf, $0.subleaf) })
      let keys = list.map { UInt64($0.leaf) << 32 | UInt64($0.subleaf) }
      #expect(zip(keys, keys.dropFirst()).allSatisfy { $0.0 < $0.1 })
      for leaf in [0, 1, 2, 0x4000_0000, 0x4000_0100, 0x8000_0000, 0x8000_0008] as [UInt32] {
        #expect(list.contains { $0.leaf == leaf })
      }
    }
  }

  @Test func `a processor with everything fills a list and no more`() {
    var count: UInt32 = 0
    let all = CPUIDRegisters(eax: .max, ebx: .max, ecx: .max, edx: .max)
    var last: UInt64 = 0
    PolicyLeaves.visit({ _, _ in all }) {
      // Subleaves rise within their leaf, as leaves do.
      let key = UInt64($0.leaf) << 32 | UInt64($0.subleaf)
      #expect(count == 0 || key > last)
      last = key
      count += 1
      return true
    }
    #expect(count == PolicyLeaves.maximum)
  }

  @Test func `a list ends where its reader does`() {
    var count = 0
    PolicyLeaves.visit({ PolicyLeaves.raw($0, $1, host: RecordedProcessor.haswell.cpuid) }) { _ in
      count += 1
      return count < 3
    }
    #expect(count == 3)
  }

  @Test func `leaves that the processor does not have are zero, whatever it answers there`() {
    let small = { (leaf: UInt32, _: UInt32) in
      CPUIDRegisters(eax: leaf == 0 ? 2 : leaf == 0x8000_0000 ? 0x8000_0001 : 7, ebx: 7, ecx: 7, edx: 7)
    }
    #expect(PolicyLeaves.raw(2, 0, host: small).ebx == 7)
    #expect(PolicyLeaves.raw(3, 0, host: small) == CPUIDRegisters())
    #expect(PolicyLeaves.raw(0x8000_0001, 0, host: small).ebx == 7)
    #expect(PolicyLeaves.raw(0x8000_0002, 0, host: small) == CPUIDRegisters())
    #expect(PolicyLeaves.raw(0x4000_0000, 0, host: small) == CPUIDRegisters())
  }

  @Test func `features that nobody knows are not the host's`() {
    let all = { (leaf: UInt32, _: UInt32) in
      CPUIDRegisters(eax: leaf == 0x8000_0000 ? 0x8000_ffff : .max, ebx: .max, ecx: .max, edx: .max)
    }
    for word in FeatureWord.allCases {
      let place = word.place
      let known = PolicyLeaves.known(place.leaf, place.subleaf, host: all)[place.register]
      #expect(known == FeatureTable.mask(word) { _ in true })
    }
    // Other registers pass.
    #expect(PolicyLeaves.known(1, 0, host: all).eax == .max)
  }
}
