// SPDX-License-Identifier: Apache-2.0
// A domain's CPUID and MSR policy as the toolstack reads and sets it, and the machine's own.
import Instructions
import Machine
import XenABI

/// Policies and feature sets that are no domain's.
public enum SystemPolicy {
  /// What the processor says.
  case raw
  /// What the hypervisor knows of it.
  case host
  /// What a paravirtualized domain can have at most.
  case widest
  /// What it gets unless the toolstack wishes otherwise.
  case ordinary

  /// Calls `body` with the policy's answers to CPUID, as lists of leaves have them.
  public func withAnswers<R>(_ body: ((UInt32, UInt32) -> CPUIDRegisters) -> R) -> R {
    switch self {
    case .raw: return body { PolicyLeaves.raw($0, $1, host: Processor.host) }
    case .host: return body { PolicyLeaves.known($0, $1, host: Processor.host) }
    case .widest, .ordinary:
      let policy = Processor.policy(isControlDomain: false, vcpuLimit: 1, isWidest: isWidest)
      return body { policy.leaf($0, $1, host: Processor.host) }
    }
  }

  private var isWidest: Bool {
    if case .widest = self { return true }
    return false
  }

  /// MSR IA32_ARCH_CAPABILITIES as the policy has it; zero where CPUID does not tell of it.
  public var capabilities: UInt64 {
    guard ModelSpecific.hasCapabilities, let value = Registers.msr(MSRNumber.architecturalCapabilities) else {
      return 0
    }
    if case .raw = self { return value }
    return value & MSRPolicy.capabilitiesMask
  }

  /// Word `index` of the feature set (arch-x86/cpufeatureset.h); zero beyond the last.
  public func feature(_ index: UInt32) -> UInt32 {
    if index == FeatureSetLayout.capabilities.low { return UInt32(truncatingIfNeeded: capabilities) }
    if index == FeatureSetLayout.capabilities.high { return UInt32(truncatingIfNeeded: capabilities &>> 32) }
    guard let place = FeatureSetLayout.place(index) else { return 0 }
    return withAnswers { $0(place.leaf, place.subleaf)[place.register] }
  }
}

extension Ref where T == Domain {
  /// MSR IA32_ARCH_CAPABILITIES as the domain sees it; zero if it does not.
  public var capabilities: UInt64 {
    guard self[].processor.showsCapabilities else { return 0 }
    return SystemPolicy.host.capabilities & self[].processor.capabilities
  }

  /// The widest policy that the domain may have.
  public var widestPolicy: CPUIDPolicy {
    Processor.policy(isControlDomain: self[].isPrivileged, vcpuLimit: self[].maximumVCPUs, isWidest: true)
  }

  /// Gives the domain its widest policy as far as `wish` has it too (N1).
  ///
  /// - Throws: `exists` once one of its vCPUs is initialised: a running kernel has asked already.
  public func setPolicy(_ wish: CPUIDWish) throws(XenError) {
    let policy = widestPolicy.narrowed(to: wish)
    try self[].life.withLock { _ throws(XenError) in
      for index in 0..<self[].maximumVCPUs {
        if let vcpu = self[].vcpu(index: index), vcpu[].isInitialised { throw .exists }
      }
      self[].processor = policy
    }
  }
}
