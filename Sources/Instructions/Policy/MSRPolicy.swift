// SPDX-License-Identifier: Apache-2.0
//
// What RDMSR and WRMSR mean to a PV guest: an explicit table, and #GP for the rest, which kernels expect and survive.
// With `isRelaxed` (XEN_X86_MSR_RELAXED in arch-x86/xen.h) the rest reads as zero and ignores writes; the underlying
// register is never touched either way.

/// MSR access as one PV domain gets it.
public struct MSRPolicy: Sendable {
  /// True for Domain 0.
  public var isControlDomain = false
  /// The processor's maker.
  public var vendor = ProcessorVendor.other
  /// `XEN_X86_MSR_RELAXED`.
  public var isRelaxed = false
  /// True when guests may use IBPB, STIBP and SSBD (`CPUIDTraits.offersSpeculationControl`).
  public var offersSpeculationControl = false
  /// True when CPUID shows IA32_ARCH_CAPABILITIES.
  public var hasArchitecturalCapabilities = false

  /// The policy of a plain domain.
  public init() {}

  /// What a read of `number` by vCPU `vcpu` gives.
  public func read(_ number: UInt32, vcpu: UInt32) -> MSRRead {
    guard let rule = Self.rule(number, vcpu), holds(rule.audience) else { return isRelaxed ? .constant(0) : .fault }
    return rule.read
  }

  /// What a write of `value` to `number` by vCPU `vcpu` does.
  public func write(_ number: UInt32, _ value: UInt64, vcpu: UInt32) -> MSRWrite {
    guard let rule = Self.rule(number, vcpu), holds(rule.audience) else { return isRelaxed ? .ignore : .fault }
    switch rule.write {
    case .ignore: return .ignore
    case .emulated(let register): return .emulated(register)
    case .fault: return .fault
    case .only(let allowed): return value == allowed ? .ignore : .fault
    }
  }

  private func holds(_ audience: MSRRule.Audience) -> Bool {
    switch audience {
    case .everyone: true
    case .intel: vendor == .intel
    case .amd: vendor == .amd
    case .controlDomain: isControlDomain
    case .controlDomainOnAMD: isControlDomain && vendor == .amd
    case .speculationControl: offersSpeculationControl
    case .architecturalCapabilities: hasArchitecturalCapabilities
    }
  }
}
