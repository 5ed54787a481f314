// SPDX-License-Identifier: Apache-2.0
//
// What CPUID tells a PV guest. A policy is made once per domain from the processor's own answers; after that each CPUID
// is a few masks over what the processor says. Leaves that are not named here answer zero.
import Machine

/// CPUID as one PV domain sees it.
public struct CPUIDPolicy: Sendable {
  /// The highest basic leaf offered: what lies above describes tracing, enclaves, resource control and the like.
  public static var highestBasicLeaf: UInt32 { 0xd }
  /// The highest extended leaf offered.
  public static var highestExtendedLeaf: UInt32 { 0x8000_0021 }
  /// XCR0 bits that a PV guest can ever have: x87, SSE, AVX and the three of AVX-512.
  public static var possibleExtendedState: UInt64 { 0xe7 }

  /// The domain's traits; `time` may be changed at any moment, the rest was used to make the masks.
  public var traits: CPUIDTraits
  /// The processor's maker.
  public let vendor: ProcessorVendor
  /// The XCR0 bits that the domain may set and the processor has.
  public internal(set) var extendedStateMask: UInt64
  /// The highest basic leaf.
  public internal(set) var maximumBasicLeaf: UInt32
  /// The highest extended leaf.
  public internal(set) var maximumExtendedLeaf: UInt32
  /// The last subleaf of leaf 7.
  public internal(set) var lastStructuredSubleaf: UInt32
  /// The highest of the hypervisor's leaves, by its lowest byte; zero for all.
  var hypervisorLeaf: UInt32 = 0
  /// Bits of MSR IA32_ARCH_CAPABILITIES that may pass.
  public internal(set) var capabilities: UInt64 = MSRPolicy.capabilitiesMask
  /// Leaf 1 EAX, and the text of leaves 0x80000002 to 0x80000004.
  var signature: UInt32
  var brand: InlineArray<12, UInt32>
  /// Bits that may pass, by `FeatureWord`.
  private var visible: InlineArray<14, UInt32>
  /// Leaf 1 ECX bits that are set without the processor's leave.
  private let alwaysSet: UInt32

  /// Makes the policy of a domain. `host` executes CPUID on this processor with the given leaf and subleaf.
  public init(_ traits: CPUIDTraits, host: (_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDRegisters) {
    self.traits = traits
    let first = host(0, 0)
    let vendor = ProcessorVendor(leaf0: first)
    self.vendor = vendor
    maximumBasicLeaf = min(first.eax, Self.highestBasicLeaf)
    let lastExtended = host(0x8000_0000, 0).eax
    maximumExtendedLeaf = lastExtended >> 16 == 0x8000 ? min(lastExtended, Self.highestExtendedLeaf) : 0x8000_0000

    lastStructuredSubleaf = maximumBasicLeaf >= 7 ? min(host(7, 0).eax, 2) : 0
    signature = maximumBasicLeaf >= 1 ? host(1, 0).eax : 0
    let hasBrand = maximumExtendedLeaf >= 0x8000_0004
    brand = InlineArray { index in
      guard hasBrand else { return 0 }
      let answer = host(0x8000_0002 &+ UInt32(index) / 4, 0)
      return answer[CPUIDRegister(rawValue: UInt8(index & 3)) ?? .eax]
    }

    let mask = Self.extendedState(traits, maximumBasicLeaf, host)
    extendedStateMask = mask
    alwaysSet = FeatureTable.mask(.basicECX) { $0 == .set }
    visible = InlineArray { index in
      guard let word = FeatureWord(rawValue: UInt8(truncatingIfNeeded: index)) else { return 0 }
      return FeatureTable.mask(word) { Self.accepts($0, traits, vendor, mask) }
    }
  }

  /// The XCR0 bits that can be offered.
  private static func extendedState(
    _ traits: CPUIDTraits, _ maximumLeaf: UInt32, _ host: (UInt32, UInt32) -> CPUIDRegisters
  ) -> UInt64 {
    guard maximumLeaf >= 0xd else { return 0 }
    let leaf = host(0xd, 0)
    let offered = traits.extendedStateMask & possibleExtendedState & (UInt64(leaf.edx) << 32 | UInt64(leaf.eax))
    return states(offered, basicECX: host(1, 0).ecx, structuredEBX: host(7, 0).ebx)
  }

  /// Those XCR0 bits of `offered` that go with features (leaf 1 ECX, leaf 7 EBX): nothing without XSAVE, all or none of each
  /// vector extension. QEMU's emulation has the states of AVX-512 on processors whose AVX-512 it lacks.
  static func states(_ offered: UInt64, basicECX: UInt32, structuredEBX: UInt32) -> UInt64 {
    if basicECX & 1 << 26 == 0 || offered & 3 != 3 { return 0 }
    if basicECX & 1 << 28 == 0 || offered & 4 == 0 { return 3 }
    return structuredEBX & 1 << 16 == 0 || offered & 0xe0 != 0xe0 ? offered & ~0xe0 : offered
  }

  static func accepts(
    _ rule: FeatureRule, _ traits: CPUIDTraits, _ vendor: ProcessorVendor, _ mask: UInt64
  ) -> Bool {
    switch rule {
    case .shown: true
    case .hidden, .set, .computed: false
    case .controlDomain: traits.isControlDomain
    case .intel: vendor == .intel
    case .extendedState: mask != 0
    case .vector: mask & 4 != 0
    case .wideVector: mask & 0xe4 == 0xe4
    case .speculationControl: traits.offersSpeculationControl
    case .invariantTimeStamp: traits.offersInvariantTimeStamp
    }
  }

  /// The bits of `word` that the guest may see.
  func visible(_ word: FeatureWord) -> UInt32 { visible[Int(word.rawValue)] }

  /// Has the guest see these bits of `word`.
  mutating func setVisible(_ word: FeatureWord, _ bits: UInt32) { visible[Int(word.rawValue)] = bits }

  /// Whether the guest is told of MSR IA32_ARCH_CAPABILITIES, if the processor has it.
  public var showsCapabilities: Bool { maximumBasicLeaf >= 7 && visible(.structuredEDX) &>> 29 & 1 != 0 }

  /// Whether the guest is told of the instructions for segment bases (FSGSBASE), if the processor has them.
  public var showsSegmentBases: Bool { maximumBasicLeaf >= 7 && visible(.structuredEBX) & 1 != 0 }

  /// What the guest sees in `leaf` and `subleaf`.
  ///
  /// - Parameter host: executes CPUID on this processor; asked only for leaves that exist.
  public func view(
    leaf: UInt32, subleaf: UInt32, processor: CPUIDVirtualProcessor,
    host: (_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDRegisters
  ) -> CPUIDRegisters {
    if leaf <= maximumBasicLeaf { return basic(leaf, subleaf, processor, host) }
    if leaf >> 8 == 0x40_0000 { return hypervisor(leaf, subleaf) }
    if leaf >= 0x8000_0000 && leaf <= maximumExtendedLeaf { return extended(leaf, processor, host) }
    return CPUIDRegisters()
  }

  /// Leaves from zero.
  private func basic(
    _ leaf: UInt32, _ subleaf: UInt32, _ processor: CPUIDVirtualProcessor,
    _ host: (UInt32, UInt32) -> CPUIDRegisters
  ) -> CPUIDRegisters {
    switch leaf {
    case 0:
      var result = host(0, 0)
      result.eax = maximumBasicLeaf
      return result
    case 1: return identity(host(1, 0), processor)
    case 2: return host(2, 0)
    case 4: return cache(host(4, subleaf))
    case 7: return structured(subleaf, host)
    case 0xd: return saveArea(subleaf, processor, host)
    // 3 is a serial number, 5 MWAIT, 6 thermal, 9 chipset, 0xA counters; 0xB repeats the topology of leaves 1 and 4 for
    // x2APIC, which PV guests are not told of.
    default: return CPUIDRegisters()
    }
  }

  /// Leaf 1.
  private func identity(_ host: CPUIDRegisters, _ processor: CPUIDVirtualProcessor) -> CPUIDRegisters {
    var result = host
    result.eax = signature
    result.ebx = (host.ebx & 0x0000_ffff) | (topology.identifiers << 16) | ((processor.index &* 2) << 24)
    result.ecx = (host.ecx & visible(.basicECX)) | alwaysSet
    if result.ecx & (1 << 26) != 0 && processor.cr4 & CR4.extendedStates != 0 { result.ecx |= 1 << 27 }
    result.edx = host.edx & visible(.basicEDX)
    if topology.hasSeveral { result.edx |= 1 << 28 }
    return result
  }

  /// Leaf 7, whose subleaf 0 tells how many follow.
  private func structured(_ subleaf: UInt32, _ host: (UInt32, UInt32) -> CPUIDRegisters) -> CPUIDRegisters {
    let last = lastStructuredSubleaf
    guard subleaf <= last else { return CPUIDRegisters() }
    let raw = host(7, subleaf)
    switch subleaf {
    case 0:
      return CPUIDRegisters(
        eax: last, ebx: raw.ebx & visible(.structuredEBX), ecx: raw.ecx & visible(.structuredECX),
        edx: raw.edx & visible(.structuredEDX))
    case 1: return CPUIDRegisters(eax: raw.eax & visible(.structured1EAX))
    default: return CPUIDRegisters(edx: raw.edx & visible(.structured2EDX))
    }
  }

  /// Leaves from 0x80000000.
  private func extended(
    _ leaf: UInt32, _ processor: CPUIDVirtualProcessor, _ host: (UInt32, UInt32) -> CPUIDRegisters
  ) -> CPUIDRegisters {
    let raw = host(leaf, 0)
    var result = raw
    switch leaf {
    case 0x8000_0000:
      result = CPUIDRegisters(eax: maximumExtendedLeaf)
      if vendor != .intel { (result.ebx, result.ecx, result.edx) = (raw.ebx, raw.ecx, raw.edx) }
    case 0x8000_0001:
      if vendor == .intel { (result.eax, result.ebx) = (0, 0) }
      result.ecx &= visible(.extendedECX)
      if vendor == .amd && topology.hasSeveral { result.ecx |= 1 << 1 }
      result.edx &= visible(.extendedEDX)
      if vendor == .amd {
        let repeated: UInt32 = 0x0183_f3ff
        result.edx |= identity(host(1, 0), processor).edx & repeated
      }
    case 0x8000_0002...0x8000_0004:
      let first = Int(leaf &- 0x8000_0002) &* 4
      result = CPUIDRegisters(
        eax: brand[first], ebx: brand[first &+ 1], ecx: brand[first &+ 2], edx: brand[first &+ 3])
    // Caches and TLBs in AMD's form; Intel defines one register of it.
    case 0x8000_0005: if vendor == .intel { result = CPUIDRegisters() }
    case 0x8000_0006: if vendor == .intel { result = CPUIDRegisters(ecx: raw.ecx) }
    case 0x8000_0007:
      result = CPUIDRegisters(edx: raw.edx & visible(.powerEDX))
    case 0x8000_0008:
      result.ebx &= visible(.capacityEBX)
      result.ecx = vendor == .amd ? (topology.identifiers &- 1) | (topology.identifierBits << 12) : 0
      result.edx = 0
    case 0x8000_0021:
      result = CPUIDRegisters(eax: raw.eax & visible(.extended2EAX), ecx: raw.ecx & visible(.extended2ECX))
    // 0xA SVM, 0x19 large-page TLBs, 0x1B sampling, 0x1C LWP, 0x1D and 0x1E host topology, 0x1F memory encryption.
    default: result = CPUIDRegisters()
    }
    return result
  }
}
