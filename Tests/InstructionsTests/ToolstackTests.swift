// SPDX-License-Identifier: Apache-2.0
//
// Debian's own libxenguest, on this host, takes the CPU policies of new domains on every CPU model that QEMU names, and on
// processors of chance; what it gives back is taken as it is. (N2, and N1 for the other direction.)

import CToolstack
import Testing

@testable import Instructions

/// One list of leaves in the form of the tools.
private func entries(_ answer: (UInt32, UInt32) -> CPUIDRegisters) -> [toolstack_leaf] {
  var list: [toolstack_leaf] = []
  PolicyLeaves.visit(answer) {
    let answer = $0.answer
    list.append(
      toolstack_leaf(
        leaf: $0.leaf, subleaf: $0.subleaf, eax: answer.eax, ebx: answer.ebx, ecx: answer.ecx, edx: answer.edx))
    return true
  }
  return list
}

extension toolstack_leaf {
  fileprivate var policyLeaf: PolicyLeaf {
    PolicyLeaf(leaf: leaf, subleaf: subleaf, answer: CPUIDRegisters(eax: eax, ebx: ebx, ecx: ecx, edx: edx))
  }

  fileprivate var place: String {
    String(leaf, radix: 16) + (subleaf == PolicyLeaf.none ? "" : ".\(subleaf)")
  }
}

/// The checker of N2: places that the tools write back and `list` does not have, or the tools' refusal of the list.
private func leftOut(of list: [toolstack_leaf]) -> [String] {
  var back = [toolstack_leaf](repeating: toolstack_leaf(), count: 512)
  let count = toolstack_round_trip(list, UInt32(list.count), &back, UInt32(back.count))
  guard count >= 0 else { return ["refused with error \(-count)"] }
  let places = Set(list.map(\.place))
  return back.prefix(Int(count)).map(\.place).filter { !places.contains($0) }
}

@Suite struct ToolstackTests {
  /// Domains of several kinds: what the hypervisor offers differs with its own XCR0 and options.
  static let traits = ([0, 3, 7, 0xe7, .max] as [UInt64]).flatMap { states in
    ([1, 2, 5, 128] as [UInt32]).map { limit in
      var traits = CPUIDTraits()
      traits.extendedStateMask = states
      traits.vcpuLimit = limit
      traits.offersSpeculationControl = states != 3
      traits.offersInvariantTimeStamp = limit != 2
      return traits
    }
  }

  @Test func `every model that QEMU names is there`() {
    let (models, none) = ProcessorModel.recorded
    for kind in [ProcessorModel.Kind.shown, .declared] {
      let names = models.filter { $0.kind == kind }.flatMap(\.names)
      #expect(Set(names).count == names.count)
      // 132 names, without the one that needs KVM, and with the one that is made up.
      #expect(names.count == 132)
    }
    // `host` is this machine's processor: it needs KVM.
    #expect(Set(none) == ["host"])
    // Those without long mode, and nobody else.
    let small = models.filter { !$0.isSixtyFourBit && $0.kind == .declared }.map { $0.names[0] }
    #expect(
      small == ["486", "athlon", "base", "coreduo", "kvm32", "n270", "pentium", "pentium2", "pentium3", "qemu32"])
    #expect(models.contains { $0.cpuid(0xd, 0x12).eax != 0 }, "no model has AMX")
  }

  @Test(arguments: ProcessorModel.recorded.models)
  func `lists have all that the tools write back (N2)`(model: ProcessorModel) {
    for traits in Self.traits {
      let policy = CPUIDPolicy(traits, host: model.cpuid)
      #expect(leftOut(of: entries { policy.leaf($0, $1, host: model.cpuid) }) == [])
    }
    #expect(leftOut(of: entries { PolicyLeaves.raw($0, $1, host: model.cpuid) }) == [])
    #expect(leftOut(of: entries { PolicyLeaves.known($0, $1, host: model.cpuid) }) == [])
  }

  @Test(arguments: ProcessorModel.recorded.models)
  func `the tools make a domain's policy, and it is taken`(model: ProcessorModel) throws {
    for traits in Self.traits {
      let policy = CPUIDPolicy(traits, host: model.cpuid)
      var ordinary = traits
      ordinary.vcpuLimit = 1
      let systemPolicy = CPUIDPolicy(ordinary, host: model.cpuid)
      let leaves = entries { policy.leaf($0, $1, host: model.cpuid) }
      let system = entries { systemPolicy.leaf($0, $1, host: model.cpuid) }
      let features = (0..<FeatureSetLayout.count).map { index in
        FeatureSetLayout.place(index).map {
          PolicyLeaves.known($0.leaf, $0.subleaf, host: model.cpuid)[$0.register]
        } ?? 0
      }
      var set = [toolstack_leaf](repeating: toolstack_leaf(), count: Int(PolicyLeaves.maximum))
      for restores in [0, 1] as [Int32] {
        let (result, count, unknown) = leaves.withUnsafeBufferPointer { leaves in
          system.withUnsafeBufferPointer { system in
            features.withUnsafeBufferPointer { features in
              set.withUnsafeMutableBufferPointer { set in
                var hypervisor = toolstack_hypervisor(
                  leaves: leaves.baseAddress, leaf_count: UInt32(leaves.count), ordinary: system.baseAddress,
                  ordinary_count: UInt32(system.count), leaf_limit: PolicyLeaves.maximum,
                  features: features.baseAddress, feature_count: UInt32(features.count), set: set.baseAddress,
                  set_room: UInt32(set.count), set_count: 0, unknown: 0)
                let result = toolstack_apply_policy(&hypervisor, restores, traits.offersInvariantTimeStamp ? 1 : 0)
                return (result, hypervisor.set_count, hypervisor.unknown)
              }
            }
          }
        }
        try #require(result == 0)
        #expect(unknown == 0)
        var wish = CPUIDWish(policy, host: model.cpuid)
        for entry in set.prefix(Int(count)) {
          let isTaken = wish.take(entry.policyLeaf)
          #expect(isTaken, "\(entry.place)")
        }
        #expect(wish.excess(over: policy) == nil)
        guard restores == 0 else { continue }
        // A new domain gets what it had: the tools change nothing but hints at the machine's topology, which are our own.
        let narrowed = policy.narrowed(to: wish)
        let now = entries { narrowed.leaf($0, $1, host: model.cpuid) }
        #expect(now.count == leaves.count)
        for (new, old) in zip(now, leaves) where new.policyLeaf != old.policyLeaf {
          Issue.record("\(old.place): \(new.policyLeaf.answer), not \(old.policyLeaf.answer)")
        }
        #expect(narrowed.extendedStateMask == policy.extendedStateMask)
      }
    }
  }

  @Test(arguments: 1...300 as ClosedRange<UInt64>)
  func `lists of processors of chance are closed too (N2)`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    // Bits of many densities, the same at each asking.
    let density = UInt64.random(in: 0...3, using: &generator)
    let key = generator.next()
    let host = { (leaf: UInt32, subleaf: UInt32) -> CPUIDRegisters in
      var answer = SeededGenerator(seed: key ^ UInt64(leaf) << 20 ^ UInt64(subleaf))
      func word() -> UInt32 {
        let (first, second) = (UInt32(truncatingIfNeeded: answer.next()), UInt32(truncatingIfNeeded: answer.next()))
        switch density {
        case 0: return first & second
        case 1: return first | second
        case 2: return UInt32.max
        default: return first
        }
      }
      var result = CPUIDRegisters(eax: word(), ebx: word(), ecx: word(), edx: word())
      if leaf == 0 { result.eax = 0xd + result.eax % 20 }
      if leaf == 0x8000_0000 { result.eax = 0x8000_0000 + result.eax % 64 }
      return result
    }
    for traits in Self.traits {
      let policy = CPUIDPolicy(traits, host: host)
      #expect(leftOut(of: entries { policy.leaf($0, $1, host: host) }) == [])
    }
    #expect(leftOut(of: entries { PolicyLeaves.raw($0, $1, host: host) }) == [])
    #expect(leftOut(of: entries { PolicyLeaves.known($0, $1, host: host) }) == [])
  }
}
