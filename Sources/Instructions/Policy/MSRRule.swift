// SPDX-License-Identifier: Apache-2.0
//
// The vocabulary of the MSR table: what reading and writing a register does, and for whom the row holds.

/// A register that Martlet keeps for each vCPU (or domain), under the guest's number.
public enum VirtualMSR: UInt8, Sendable {
  /// The guest's time-stamp counter. Read only.
  case timeStampCounter
  /// TSC_AUX.
  case timeStampAuxiliary
  /// The FS base.
  case fsBase
  /// The GS base in force: the kernel's own while the guest kernel runs.
  case gsBase
  /// The GS base of the guest's user mode (`SEGBASE_GS_USER`).
  case kernelGSBase
  /// SPEC_CTRL: STIBP and SSBD.
  case speculationControl
  /// PRED_CMD: a write of IBPB. Write only.
  case predictionCommand
  /// Writing a guest frame's address fills that page with hypercall stubs.
  case hypercallPage
}

/// What RDMSR gives the guest.
public enum MSRRead: Equatable, Sendable {
  /// The processor's own value under this mask. Not every processor has every such register: read it in a way that
  /// survives #GP, and pass the #GP on.
  case hardware(mask: UInt64)
  /// This value.
  case constant(UInt64)
  /// The value that Martlet keeps.
  case emulated(VirtualMSR)
  /// #GP(0).
  case fault
}

/// What WRMSR does for the guest.
public enum MSRWrite: Equatable, Sendable {
  /// Nothing, successfully.
  case ignore
  /// Changes the value that Martlet keeps. The value itself may still be refused with #GP, as a non-canonical base is.
  case emulated(VirtualMSR)
  /// #GP(0).
  case fault
}

/// A row of the MSR table.
struct MSRRule {
  /// For whom the row holds; for others the register is one that nobody knows.
  enum Audience {
    case everyone
    /// On Intel processors.
    case intel
    /// On AMD processors.
    case amd
    /// Domain 0 alone.
    case controlDomain
    /// Domain 0 on AMD processors.
    case controlDomainOnAMD
    /// Where speculation control is offered.
    case speculationControl
    /// Where the processor has IA32_ARCH_CAPABILITIES.
    case architecturalCapabilities
  }

  /// What a write does, by its value.
  enum Write {
    case ignore
    case emulated(VirtualMSR)
    case fault
    /// Ignored when the value is this one, #GP otherwise.
    case only(UInt64)
  }

  let audience: Audience
  let read: MSRRead
  let write: Write

  init(_ audience: Audience, read: MSRRead, write: Write) {
    self.audience = audience
    self.read = read
    self.write = write
  }
}
