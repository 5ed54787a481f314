// SPDX-License-Identifier: Apache-2.0
//
// The processor topology that a domain sees: one package of single-threaded cores, vCPU n with APIC ID 2n. The even
// numbers leave the odd ones to threads that are not there, so that nobody takes neighbours for threads of one core.

/// One package of cores, in terms of APIC IDs.
struct VirtualTopology {
  /// How many APIC IDs the package spans, 1 to 64: the most that leaf 4 can tell. More vCPUs make more packages.
  let identifiers: UInt32
  /// The bits needed to number them.
  let identifierBits: UInt32
  /// True with more than one vCPU.
  var hasSeveral: Bool { identifiers > 1 }

  init(vcpuLimit: UInt32) {
    var identifiers: UInt32 = 1
    var bits: UInt32 = 0
    let wanted = vcpuLimit > 1 ? min(vcpuLimit, 32) &* 2 : 1
    while identifiers < wanted {
      identifiers &*= 2
      bits &+= 1
    }
    self.identifiers = identifiers
    identifierBits = bits
  }
}

extension CPUIDPolicy {
  var topology: VirtualTopology { VirtualTopology(vcpuLimit: traits.vcpuLimit) }

  /// Leaf 4: the processor's caches, shared as the virtual topology says. Levels 1 and 2 are a core's own.
  func cache(_ host: CPUIDRegisters) -> CPUIDRegisters {
    guard host.eax & 0x1f != 0 else { return CPUIDRegisters() }
    var result = host
    let level = (host.eax >> 5) & 7
    let sharing: UInt32 = level < 3 ? (topology.hasSeveral ? 1 : 0) : topology.identifiers &- 1
    result.eax = (host.eax & 0x0000_3fff) | (sharing << 14) | ((topology.identifiers &- 1) << 26)
    return result
  }
}
