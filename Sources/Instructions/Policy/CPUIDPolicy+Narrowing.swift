// SPDX-License-Identifier: Apache-2.0
//
// A policy with less than it could have, as the toolstack wishes (`cpuid=` in xl.cfg).
//
// Named invariant N1: a policy that has been narrowed shows no feature, no extended state and no bit of
// IA32_ARCH_CAPABILITIES that the widest policy of the same domain does not show. A wish for more is not granted; the parts of
// a wish that are no features (family, model, brand) are shown as they are, since they give the guest nothing.

/// What the toolstack wishes a policy to be: it starts as what the policy is, and takes one leaf after the other.
public struct CPUIDWish: Sendable {
  /// Feature bits, by `FeatureWord`.
  public var features: InlineArray<14, UInt32>
  /// The highest basic leaf.
  public var basicLeaf: UInt32
  /// The last subleaf of leaf 7.
  public var structuredSubleaf: UInt32
  /// The highest extended leaf.
  public var extendedLeaf: UInt32
  /// The highest of the hypervisor's leaves, by its lowest byte; zero for all.
  public var hypervisorLeaf: UInt32
  /// Family, model and stepping (leaf 1 EAX).
  public var signature: UInt32
  /// Leaves 0x80000002 to 0x80000004.
  public var brand: InlineArray<12, UInt32>
  /// XCR0 bits.
  public var extendedStates: UInt64
  /// MSR IA32_ARCH_CAPABILITIES.
  public var capabilities: UInt64

  /// What `policy` is now.
  public init(_ policy: CPUIDPolicy, host: (UInt32, UInt32) -> CPUIDRegisters) {
    let none = CPUIDVirtualProcessor(index: 0, cr4: 0, xcr0: 0)
    features = InlineArray { index in
      guard let word = FeatureWord(rawValue: UInt8(truncatingIfNeeded: index)) else { return 0 }
      return policy.visible(word)
    }
    basicLeaf = policy.view(leaf: 0, subleaf: 0, processor: none, host: host).eax
    structuredSubleaf = policy.lastStructuredSubleaf
    extendedLeaf = policy.view(leaf: 0x8000_0000, subleaf: 0, processor: none, host: host).eax
    hypervisorLeaf = policy.hypervisorLeaf
    signature = policy.view(leaf: 1, subleaf: 0, processor: none, host: host).eax
    brand = InlineArray { index in
      let answer = policy.view(
        leaf: 0x8000_0002 &+ UInt32(index) / 4, subleaf: 0, processor: none, host: host)
      return answer[CPUIDRegister(rawValue: UInt8(index & 3)) ?? .eax]
    }
    extendedStates = policy.extendedStateMask
    capabilities = policy.capabilities
  }

  /// Takes one entry of a list. False if a list has no such entry.
  public mutating func take(_ entry: PolicyLeaf) -> Bool {
    guard PolicyLeaves.isKnown(entry.leaf, entry.subleaf) else { return false }
    let subleaf = entry.subleaf == PolicyLeaf.none ? 0 : entry.subleaf
    for index in 0..<FeatureWord.count {
      guard let word = FeatureWord(rawValue: UInt8(truncatingIfNeeded: index)) else { continue }
      let place = word.place
      if place.leaf == entry.leaf && place.subleaf == subleaf { features[index] = entry.answer[place.register] }
    }
    switch entry.leaf {
    case 0: basicLeaf = entry.answer.eax
    case 1: signature = entry.answer.eax
    case 7 where subleaf == 0: structuredSubleaf = entry.answer.eax
    case 0xd where subleaf == 0: extendedStates = UInt64(entry.answer.edx) << 32 | UInt64(entry.answer.eax)
    case 0x4000_0000: hypervisorLeaf = entry.answer.eax & 0xff
    case 0x8000_0000: extendedLeaf = entry.answer.eax
    case 0x8000_0002...0x8000_0004:
      let first = Int(entry.leaf &- 0x8000_0002) &* 4
      brand[first] = entry.answer.eax
      brand[first &+ 1] = entry.answer.ebx
      brand[first &+ 2] = entry.answer.ecx
      brand[first &+ 3] = entry.answer.edx
    default: break
    }
    return true
  }

  /// The leaf and subleaf in which this wish asks for more leaves than `widest` has; nil if in none.
  public func excess(over widest: CPUIDPolicy) -> (leaf: UInt32, subleaf: UInt32)? {
    if basicLeaf > widest.maximumBasicLeaf { return (0, PolicyLeaf.none) }
    if structuredSubleaf > widest.lastStructuredSubleaf { return (7, 0) }
    if extendedLeaf > widest.maximumExtendedLeaf { return (0x8000_0000, PolicyLeaf.none) }
    return nil
  }
}

extension CPUIDPolicy {
  /// This policy, which is the widest that the domain may have, as far as `wish` has it too (N1).
  public func narrowed(to wish: CPUIDWish) -> CPUIDPolicy {
    var result = self
    result.maximumBasicLeaf = min(maximumBasicLeaf, wish.basicLeaf)
    result.lastStructuredSubleaf = min(lastStructuredSubleaf, wish.structuredSubleaf)
    result.maximumExtendedLeaf = max(min(maximumExtendedLeaf, wish.extendedLeaf), 0x8000_0000)
    result.hypervisorLeaf = wish.hypervisorLeaf
    result.signature = wish.signature
    result.brand = wish.brand
    result.capabilities = capabilities & wish.capabilities
    // A state goes with the feature that it belongs to, and features with the state they need.
    let states = Self.states(
      extendedStateMask & wish.extendedStates, basicECX: wish.features[Int(FeatureWord.basicECX.rawValue)],
      structuredEBX: wish.features[Int(FeatureWord.structuredEBX.rawValue)])
    result.extendedStateMask = states
    let traits = self.traits
    for index in 0..<FeatureWord.count {
      guard let word = FeatureWord(rawValue: UInt8(truncatingIfNeeded: index)) else { continue }
      let possible = FeatureTable.mask(word) { CPUIDPolicy.accepts($0, traits, vendor, states) }
      result.setVisible(word, visible(word) & possible & wish.features[index])
    }
    return result
  }

  /// The policy as a list of leaves has it: the answers that are the same for every vCPU at every time.
  public func leaf(_ leaf: UInt32, _ subleaf: UInt32, host: (UInt32, UInt32) -> CPUIDRegisters) -> CPUIDRegisters {
    switch leaf {
    case 0x4000_0000: return CPUIDRegisters(eax: hypervisorLeaf)
    case 0x4000_0100: return CPUIDRegisters()
    default:
      let processor = CPUIDVirtualProcessor(index: 0, cr4: 0, xcr0: extendedStateMask)
      return view(leaf: leaf, subleaf: subleaf, processor: processor, host: host)
    }
  }
}
