// SPDX-License-Identifier: Apache-2.0
//
// How the machine's processors lie together: a local APIC identifier is a thread number in its lowest bits, a core number
// above, a package number on top. CPUID tells how wide each is, in a way of its own for each maker and age.

/// The widths of the parts of local APIC identifiers.
public struct HostTopology: Equatable, Sendable {
  /// Bits that number the threads of a core.
  public let threadBits: UInt32
  /// Bits that number the threads of a package: those of its cores and of their threads.
  public let packageBits: UInt32

  /// As this processor tells. `host` executes CPUID with the given leaf and subleaf.
  public init(host: (_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDRegisters) {
    let first = host(0, 0)
    let basic = host(1, 0)
    // Leaf 0xB: the level above threads, and the last one that says anything.
    if first.eax >= 0xb, host(0xb, 0).ebx & 0xffff != 0 {
      var threads: UInt32 = 0
      var package: UInt32 = 0
      for level in 0..<(8 as UInt32) {
        let answer = host(0xb, level)
        let kind = answer.ecx &>> 8 & 0xff
        if kind == 0 { break }
        if kind == 1 { threads = answer.eax & 0x1f }
        package = max(package, answer.eax & 0x1f)
      }
      self.init(threadBits: threads, packageBits: package)
      return
    }
    // HTT: the package has room for more than one.
    guard basic.edx &>> 28 & 1 != 0 else {
      self.init(threadBits: 0, packageBits: 0)
      return
    }
    let room = HostTopology.bits(basic.ebx &>> 16 & 0xff)
    if ProcessorVendor(leaf0: first) == .amd {
      guard host(0x8000_0000, 0).eax >= 0x8000_0008 else {
        self.init(threadBits: 0, packageBits: room)
        return
      }
      let sizes = host(0x8000_0008, 0).ecx
      let told = sizes &>> 12 & 15
      // Leaf 0x8000001E tells how many threads share a core, with the feature TOPOEXT.
      var threads: UInt32 = 1
      if host(0x8000_0000, 0).eax >= 0x8000_001e, host(0x8000_0001, 0).ecx &>> 22 & 1 != 0 {
        threads = (host(0x8000_001e, 0).ebx &>> 8 & 0xff) &+ 1
      }
      self.init(
        threadBits: HostTopology.bits(threads),
        packageBits: told != 0 ? told : HostTopology.bits((sizes & 0xff) &+ 1))
      return
    }
    let cores = first.eax >= 4 ? HostTopology.bits((host(4, 0).eax &>> 26) &+ 1) : 0
    self.init(threadBits: room > cores ? room &- cores : 0, packageBits: max(room, cores))
  }

  init(threadBits: UInt32, packageBits: UInt32) {
    self.packageBits = min(packageBits, 31)
    self.threadBits = min(threadBits, self.packageBits)
  }

  /// The bits needed to number `count` things; none for one or none.
  static func bits(_ count: UInt32) -> UInt32 {
    var bits: UInt32 = 0
    while bits < 31 && (1 &<< bits) < count { bits &+= 1 }
    return bits
  }

  /// The number of the package that a local APIC identifier is in.
  public func package(_ apicID: UInt32) -> UInt32 { apicID &>> packageBits }

  /// The number of the core within its package.
  public func core(_ apicID: UInt32) -> UInt32 { (apicID & ((1 &<< packageBits) &- 1)) &>> threadBits }
}
