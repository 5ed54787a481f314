// SPDX-License-Identifier: Apache-2.0
// Bits of control register 4: those that guests have to do with, and what the hypervisor runs with.

/// CR4.
public enum CR4 {
  /// TSD: applications may not read the time-stamp counter.
  @inlinable public static var timeStampDisable: UInt64 { 1 &<< 2 }
  /// DE: debug registers 4 and 5 do not stand for 6 and 7.
  @inlinable public static var debuggingExtensions: UInt64 { 1 &<< 3 }
  /// FSGSBASE: there are instructions for the bases of FS and GS, in every mode.
  @inlinable public static var segmentBases: UInt64 { 1 &<< 16 }
  /// MCE: a machine check is an exception, and not the end of everything without a word.
  @inlinable public static var machineCheck: UInt64 { 1 &<< 6 }
  /// UMIP: SGDT, SIDT, SLDT, STR and SMSW fault outside ring 0, and so tell a guest nothing of our own tables.
  @inlinable public static var userInstructionPrevention: UInt64 { 1 &<< 11 }
  /// SMEP: what ring 3 may access, we do not execute.
  @inlinable public static var executionPrevention: UInt64 { 1 &<< 20 }
  /// SMAP: what ring 3 may access, we access only where we say so.
  @inlinable public static var accessPrevention: UInt64 { 1 &<< 21 }
  /// OSXSAVE: the kernel handles extended states.
  @inlinable public static var extendedStates: UInt64 { 1 &<< 18 }
  /// PAE, OSFXSR, OSXMMEXCPT: what no 64-bit guest runs without.
  @inlinable public static var alwaysOn: UInt64 { 0x620 }

  /// What the hypervisor runs with before any guest has chosen something: PAE, FXSAVE and SIMD exceptions, no global pages, and
  /// the protections that the CPU has and the command line allows. MCE comes with `MachineCheckBanks.enable`.
  public static func initial(_ features: CPUFeatures, smep: Bool, smap: Bool) -> UInt64 {
    var value = alwaysOn
    if features.xsave { value |= extendedStates }
    if features.umip { value |= userInstructionPrevention }
    if features.smep && smep { value |= executionPrevention }
    if features.smap && smap { value |= accessPrevention }
    return value
  }
}
