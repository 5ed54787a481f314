// SPDX-License-Identifier: Apache-2.0
// Bits of control register 4 that guests have to do with.

/// CR4.
public enum CR4 {
  /// TSD: applications may not read the time-stamp counter.
  @inlinable public static var timeStampDisable: UInt64 { 1 &<< 2 }
  /// DE: debug registers 4 and 5 do not stand for 6 and 7.
  @inlinable public static var debuggingExtensions: UInt64 { 1 &<< 3 }
  /// FSGSBASE: there are instructions for the bases of FS and GS, in every mode.
  @inlinable public static var segmentBases: UInt64 { 1 &<< 16 }
  /// OSXSAVE: the kernel handles extended states.
  @inlinable public static var extendedStates: UInt64 { 1 &<< 18 }
  /// PAE, OSFXSR, OSXMMEXCPT: what no 64-bit guest runs without.
  @inlinable public static var alwaysOn: UInt64 { 0x620 }
}
