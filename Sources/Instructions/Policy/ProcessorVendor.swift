// SPDX-License-Identifier: Apache-2.0
//
// Who made the processor: a few CPUID leaves and MSRs exist on one side only.

/// The processor's maker, as CPUID leaf 0 tells it.
public enum ProcessorVendor: UInt8, Sendable {
  case intel
  /// AMD, and Hygon whose processors are AMD's design.
  case amd
  case other

  /// From the registers of CPUID leaf 0.
  public init(leaf0: CPUIDRegisters) {
    switch (leaf0.ebx, leaf0.edx, leaf0.ecx) {
    case (0x756e_6547, 0x4965_6e69, 0x6c65_746e): self = .intel  // GenuineIntel
    case (0x6874_7541, 0x6974_6e65, 0x444d_4163): self = .amd  // AuthenticAMD
    case (0x6f67_7948, 0x6e65_476e, 0x656e_6975): self = .amd  // HygonGenuine
    default: self = .other
    }
  }
}
