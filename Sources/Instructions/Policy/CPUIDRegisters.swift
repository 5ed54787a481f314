// SPDX-License-Identifier: Apache-2.0
//
// The four registers that CPUID answers in.

/// One CPUID answer.
public struct CPUIDRegisters: Equatable, Sendable {
  /// EAX.
  public var eax: UInt32
  /// EBX.
  public var ebx: UInt32
  /// ECX.
  public var ecx: UInt32
  /// EDX.
  public var edx: UInt32

  /// An answer; registers not given are zero.
  public init(eax: UInt32 = 0, ebx: UInt32 = 0, ecx: UInt32 = 0, edx: UInt32 = 0) {
    self.eax = eax
    self.ebx = ebx
    self.ecx = ecx
    self.edx = edx
  }
}
