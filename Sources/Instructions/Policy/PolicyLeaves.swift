// SPDX-License-Identifier: Apache-2.0
//
// A policy as the list of leaves that tools read and write (`xen_cpuid_leaf_t` in arch-x86/xen.h): which leaves there are, in
// which order. What libxenguest 4.17 takes and gives is the measure: its leaves are these, and it refuses others (ERANGE).
//
// Named invariant N2: a list is closed under what the tools write back. libxenguest reads a new domain's list, makes a policy of
// it, and writes the policy into the room that the list took, no more. So a list has every entry that the policy made of it has:
// all basic leaves up to the last, also those that say nothing; the first cache and the first level that are none, which end
// leaves 4 and 0xB; all subleaves of leaf 0xD up to that of the last state, also of states that the domain does not have
// (AVX-512's stand behind those of MPX). Where one is missing, no domain can be created on that processor.

/// One entry of the list.
public struct PolicyLeaf: Equatable, Sendable {
  /// The leaf.
  public var leaf: UInt32
  /// The subleaf; `none` in a leaf that has none.
  public var subleaf: UInt32
  /// What CPUID answers there.
  public var answer: CPUIDRegisters

  /// `XEN_CPUID_NO_SUBLEAF`.
  public static var none: UInt32 { UInt32.max }

  /// An entry.
  public init(leaf: UInt32, subleaf: UInt32, answer: CPUIDRegisters) {
    self.leaf = leaf
    self.subleaf = subleaf
    self.answer = answer
  }
}

/// The leaves of policies.
public enum PolicyLeaves {
  /// The highest basic leaf of a list.
  public static var highestBasic: UInt32 { 0xd }
  /// The highest extended leaf.
  public static var highestExtended: UInt32 { 0x8000_0021 }
  /// The last subleaf of leaf 7.
  public static var lastStructured: UInt32 { 2 }
  /// How many subleaves the list has room for in leaf 4.
  static var cacheSubleaves: UInt32 { 6 }
  /// The same in leaf 0xB.
  static var topologySubleaves: UInt32 { 2 }
  /// The same in leaf 0xD.
  static var saveSubleaves: UInt32 { 63 }

  /// The most entries a list can have: ten basic leaves without subleaves, those with, two of the hypervisor's, and the
  /// extended ones.
  public static var maximum: UInt32 {
    10 &+ cacheSubleaves &+ lastStructured &+ 1 &+ topologySubleaves &+ saveSubleaves &+ 2
      &+ (highestExtended &- 0x8000_0000 &+ 1)
  }

  /// Whether a list may have such an entry.
  public static func isKnown(_ leaf: UInt32, _ subleaf: UInt32) -> Bool {
    switch leaf {
    case 4: subleaf < cacheSubleaves
    case 7: subleaf <= lastStructured
    case 0xb: subleaf < topologySubleaves
    case 0xd: subleaf < saveSubleaves
    case 0...0xd, 0x4000_0000, 0x4000_0100, 0x8000_0000...0x8000_0021: subleaf == PolicyLeaf.none
    default: false
    }
  }

  /// Calls `body` with each entry in order, until it gives false. `answer` says what CPUID does (subleaf 0 in leaves that have
  /// none); the highest leaves, and which subleaves there are, come from its answers.
  public static func visit(
    _ answer: (_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDRegisters, _ body: (PolicyLeaf) -> Bool
  ) {
    for leaf in 0...min(answer(0, 0).eax, highestBasic) {
      switch leaf {
      case 4:
        for subleaf in 0..<cacheSubleaves {
          let cache = answer(4, subleaf)
          guard body(PolicyLeaf(leaf: 4, subleaf: subleaf, answer: cache)) else { return }
          if cache.eax & 0x1f == 0 { break }
        }
      case 7:
        for subleaf in 0...min(answer(7, 0).eax, lastStructured) {
          guard body(PolicyLeaf(leaf: 7, subleaf: subleaf, answer: answer(7, subleaf))) else { return }
        }
      case 0xb:
        for subleaf in 0..<topologySubleaves {
          let level = answer(0xb, subleaf)
          guard body(PolicyLeaf(leaf: 0xb, subleaf: subleaf, answer: level)) else { return }
          if level.ecx &>> 8 & 0xff == 0 { break }
        }
      case 0xd:
        let user = answer(0xd, 0)
        let system = answer(0xd, 1)
        let states = UInt64(user.edx | system.edx) << 32 | UInt64(user.eax | system.ecx)
        let last = UInt32(UInt64.bitWidth &- states.leadingZeroBitCount)
        for subleaf in 0..<min(max(last, 2), saveSubleaves) {
          guard body(PolicyLeaf(leaf: 0xd, subleaf: subleaf, answer: answer(0xd, subleaf))) else { return }
        }
      default:
        guard body(PolicyLeaf(leaf: leaf, subleaf: PolicyLeaf.none, answer: answer(leaf, 0))) else { return }
      }
    }
    for number in 0..<(2 as UInt32) {
      let leaf = 0x4000_0000 &+ number &* 0x100
      guard body(PolicyLeaf(leaf: leaf, subleaf: PolicyLeaf.none, answer: answer(leaf, 0))) else { return }
    }
    let last = answer(0x8000_0000, 0).eax
    for leaf in 0x8000_0000...max(min(last, highestExtended), 0x8000_0000) {
      guard body(PolicyLeaf(leaf: leaf, subleaf: PolicyLeaf.none, answer: answer(leaf, 0))) else { return }
    }
  }

  /// What the processor says, with leaves that it does not have zero. (Beyond its last leaf a processor repeats another.)
  public static func raw(
    _ leaf: UInt32, _ subleaf: UInt32, host: (UInt32, UInt32) -> CPUIDRegisters
  ) -> CPUIDRegisters {
    if leaf <= highestBasic { return leaf <= host(0, 0).eax ? host(leaf, subleaf) : CPUIDRegisters() }
    guard leaf >= 0x8000_0000, leaf <= highestExtended else { return CPUIDRegisters() }
    let last = host(0x8000_0000, 0).eax
    return last >> 16 == 0x8000 && leaf <= last ? host(leaf, subleaf) : CPUIDRegisters()
  }

  /// What the hypervisor uses of the processor: as `raw`, without the features that it does not know.
  public static func known(
    _ leaf: UInt32, _ subleaf: UInt32, host: (UInt32, UInt32) -> CPUIDRegisters
  ) -> CPUIDRegisters {
    var result = raw(leaf, subleaf, host: host)
    for number in 0..<FeatureWord.count {
      guard let word = FeatureWord(rawValue: UInt8(truncatingIfNeeded: number)) else { continue }
      let place = word.place
      guard place.leaf == leaf, place.subleaf == subleaf else { continue }
      result[place.register] &= FeatureTable.mask(word) { _ in true }
    }
    return result
  }
}
