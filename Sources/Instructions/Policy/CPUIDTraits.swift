// SPDX-License-Identifier: Apache-2.0
//
// What CPUID's answers depend on besides the processor: the domain, and the vCPU that asks.

/// The domain's side of CPUID. All of it is fixed while the domain runs, but for time after a migration.
public struct CPUIDTraits: Sendable {
  /// True for Domain 0.
  public var isControlDomain = false
  /// How many vCPUs the domain may have at most.
  public var vcpuLimit: UInt32 = 1
  /// The XCR0 bits that the domain may set; zero when XSAVE is not offered. Bits other than x87, SSE, AVX and AVX-512
  /// are ignored.
  public var extendedStateMask: UInt64 = 0
  /// True when guests may use IBPB, STIBP and SSBD through their MSRs.
  public var offersSpeculationControl = false
  /// True when the domain never sees the time-stamp counter change its rate.
  public var offersInvariantTimeStamp = false
  /// The version that leaf 0x40000001 tells, 4.17 in ours.
  public var majorVersion: UInt16 = 4
  /// As above.
  public var minorVersion: UInt16 = 17
  /// Width in bits of the highest machine address, memory hotplug included.
  public var machineAddressWidth: UInt8 = 0
  /// Leaf 0x40000003.
  public var time = CPUIDTime()

  /// The traits of a plain domain with one vCPU.
  public init() {}
}

/// What leaf 0x40000003 says about time (arch-x86/cpuid.h, "Leaf 4").
public struct CPUIDTime: Sendable {
  /// True when RDTSC is emulated for the domain.
  public var isEmulated = false
  /// True when the host's counter is known to be reliable.
  public var isReliable = false
  /// True when RDTSCP can be used.
  public var hasRDTSCP = false
  /// 0 default, 1 emulate, 2 no emulation, 3 no emulation and TSC_AUX support.
  public var mode: UInt32 = 0
  /// The guest's counter frequency in kHz.
  public var guestKilohertz: UInt32 = 0
  /// Incremented by each migration.
  public var incarnation: UInt32 = 0
  /// Added to the host's counter.
  public var offset: UInt64 = 0
  /// Counter to nanoseconds: multiplier, as in `vcpu_time_info`.
  public var multiplier: UInt32 = 0
  /// Counter to nanoseconds: shift, as in `vcpu_time_info`.
  public var shift: Int8 = 0
  /// The host's counter frequency in kHz.
  public var hostKilohertz: UInt32 = 0

  /// No emulation, all rates unknown.
  public init() {}
}

/// The vCPU's side of CPUID.
public struct CPUIDVirtualProcessor: Sendable {
  /// The vCPU's number.
  public var index: UInt32
  /// CR4 as the guest sees it. Linux looks for OSXSAVE in CPUID before it ever writes CR4 (`xen_check_xsave`), so a
  /// vCPU has to start with CR4.OSXSAVE set when XSAVE is offered.
  public var cr4: UInt64
  /// XCR0 as the guest set it.
  public var xcr0: UInt64

  /// What the policy needs of a vCPU.
  public init(index: UInt32, cr4: UInt64, xcr0: UInt64) {
    self.index = index
    self.cr4 = cr4
    self.xcr0 = xcr0
  }
}
