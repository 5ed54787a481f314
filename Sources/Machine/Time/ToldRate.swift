// SPDX-License-Identifier: Apache-2.0
// The counter's rate as the CPU, or the hypervisor under us, tells it: for want of a timer, and to see whether a measured one can be
// true. Pure but for the instruction.

/// A rate of the counter that CPUID tells.
public struct ToldRate: Equatable, BitwiseCopyable {
  /// In Hz.
  public var hertz: UInt64
  /// Whether it is meant as the counter's rate, and not as the processor's in general.
  public var isExact: Bool

  /// A rate.
  public init(hertz: UInt64, isExact: Bool) {
    self.hertz = hertz
    self.isExact = isExact
  }

  /// What a CPU tells by a CPUID instruction: leaf 15h with the crystal's rate, the timing leaf 40000010h that VMware has
  /// introduced, leaf 16h. Nil if it tells nothing.
  public static func read(_ cpuid: (UInt32) -> (eax: UInt32, ebx: UInt32, ecx: UInt32)) -> ToldRate? {
    let highest = cpuid(0).eax
    if highest >= 0x15 {
      let leaf = cpuid(0x15)
      if leaf.eax != 0, leaf.ebx != 0, leaf.ecx != 0 {
        return sensible(UInt64(leaf.ecx) &* UInt64(leaf.ebx) / UInt64(leaf.eax), isExact: true)
      }
    }
    if cpuid(1).ecx &>> 31 != 0 {
      let last = cpuid(0x4000_0000).eax
      if last >= 0x4000_0010, last < 0x4001_0000 {
        let kilohertz = cpuid(0x4000_0010).eax
        if kilohertz != 0 { return sensible(UInt64(kilohertz) &* 1000, isExact: true) }
      }
    }
    if highest >= 0x16 {
      let megahertz = cpuid(0x16).eax & 0xffff
      if megahertz != 0 { return sensible(UInt64(megahertz) &* 1_000_000, isExact: false) }
    }
    return nil
  }

  private static func sensible(_ hertz: UInt64, isExact: Bool) -> ToldRate? {
    hertz >= 1_000_000 && hertz <= 100_000_000_000 ? ToldRate(hertz: hertz, isExact: isExact) : nil
  }

  /// What this CPU tells.
  public static var ofThisCPU: ToldRate? {
    read { leaf in
      let answer = Registers.cpuid(leaf)
      return (answer.eax, answer.ebx, answer.ecx)
    }
  }

  /// Whether a measured rate can be true: within 1 in 100 of an exact figure. A processor's general figure proves nothing.
  public func agrees(with measured: UInt64) -> Bool {
    !isExact || (measured > hertz ? measured &- hertz : hertz &- measured) < hertz / 100
  }
}
