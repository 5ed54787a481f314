// SPDX-License-Identifier: Apache-2.0
//
// The vocabulary of the CPUID feature table: a bit, its name, and the rule that decides whether a PV guest sees it.

/// A 32-bit register of feature bits, in the order of the public header arch-x86/cpufeatureset.h.
public enum FeatureWord: UInt8, CaseIterable, Sendable {
  /// Leaf 1 EDX.
  case basicEDX
  /// Leaf 1 ECX.
  case basicECX
  /// Leaf 0x80000001 EDX.
  case extendedEDX
  /// Leaf 0x80000001 ECX.
  case extendedECX
  /// Leaf 0xD subleaf 1 EAX.
  case saveState
  /// Leaf 7 subleaf 0 EBX.
  case structuredEBX
  /// Leaf 7 subleaf 0 ECX.
  case structuredECX
  /// Leaf 0x80000007 EDX.
  case powerEDX
  /// Leaf 0x80000008 EBX.
  case capacityEBX
  /// Leaf 7 subleaf 0 EDX.
  case structuredEDX
  /// Leaf 7 subleaf 1 EAX.
  case structured1EAX
  /// Leaf 0x80000021 EAX.
  case extended2EAX
  /// Leaf 7 subleaf 2 EDX.
  case structured2EDX
  /// Leaf 0x80000021 ECX.
  case extended2ECX
}

/// When a PV guest sees a feature that the processor has.
public enum FeatureRule: UInt8, Sendable {
  /// Always: it works in ring 3 as it is, or Martlet gives it its meaning.
  case shown
  /// Never.
  case hidden
  /// Only Domain 0 sees it.
  case controlDomain
  /// Set whether the processor has it or not.
  case set
  /// Not from this table: `CPUIDPolicy` works it out from the vCPU.
  case computed
  /// Only on processors where the instruction works for 32-bit programs in long mode, which is Intel's.
  case intel
  /// With XSAVE offered to the domain at all.
  case extendedState
  /// With AVX state (XCR0 bit 2) offered to the domain.
  case vector
  /// With AVX-512 state (XCR0 bits 5 to 7) offered to the domain.
  case wideVector
  /// With the speculation-control MSRs offered to the domain.
  case speculationControl
  /// With a time-stamp counter that never changes its rate offered to the domain.
  case invariantTimeStamp
}

/// One row of the feature table.
public struct FeatureBit: Sendable {
  /// Bit number, 0 to 31.
  public let bit: UInt8
  /// The name that the processor manuals and the public header use, in lower case.
  public let name: StaticString
  /// When a guest sees it.
  public let rule: FeatureRule

  init(_ bit: UInt8, _ name: StaticString, _ rule: FeatureRule) {
    self.bit = bit
    self.name = name
    self.rule = rule
  }
}
