// SPDX-License-Identifier: Apache-2.0
// The small calls about the calling vCPU's own state.
import Domains
import Machine
import XenABI

extension Hypercall {
  /// `stack_switch`: where exceptions from user mode find the kernel's stack.
  @inline(__always)
  func stackSwitch() -> HypercallOutcome {
    vcpu[].kernelStackSegment = arguments[0] | 3
    vcpu[].kernelStackPointer = arguments[1]
    return .success
  }

  /// `fpu_taskswitch`: whether the next use of the FPU traps.
  @inline(__always)
  func fpuTaskSwitch() -> HypercallOutcome {
    vcpu.setTaskSwitched(arguments[0] != 0)
    return .success
  }

  /// `set_debugreg`: number and value.
  ///
  /// - Throws: as `VCPU.setDebugRegister`.
  func setDebugRegister() throws(XenError) -> HypercallOutcome {
    try vcpu.setDebugRegister(debugNumber, arguments[1])
    return .success
  }

  /// `get_debugreg`: gives the value.
  ///
  /// - Throws: `noDevice`.
  func getDebugRegister() throws(XenError) -> HypercallOutcome {
    .done(try vcpu.debugRegister(debugNumber))
  }

  // An `int` to those who call.
  private var debugNumber: Int { Int(UInt32(truncatingIfNeeded: arguments[0])) }

  /// `set_segment_base`: which (SEGBASE_*) and the base or selector.
  ///
  /// - Throws: `invalid` for a base that is not canonical, or an unknown kind.
  @inline(__always)
  func setSegmentBase() throws(XenError) -> HypercallOutcome {
    let base = arguments[1]
    switch arguments[0] {
    case SegmentBaseKind.fs, SegmentBaseKind.gsUser, SegmentBaseKind.gsKernel:
      guard LinearAddress(base).isCanonical else { throw .invalid }
      // The kernel is running: its own GS base is the active one.
      switch arguments[0] {
      case SegmentBaseKind.fs: Registers.fsBase = base
      case SegmentBaseKind.gsUser: Registers.inactiveGSBase = base
      default: Registers.gsBase = base
      }
    case SegmentBaseKind.gsUserSelector:
      Registers.swapGS()
      let isGood = Registers.loadGS(UInt16(truncatingIfNeeded: base))
      if !isGood { _ = Registers.loadGS(0) }
      Registers.swapGS()
    default: throw .invalid
    }
    return .success
  }

  /// `vm_assist`: enable or disable an assist.
  ///
  /// - Throws: `invalid` for an assist that 64-bit PV guests do not have; `notImplemented` for another command.
  func vmAssist() throws(XenError) -> HypercallOutcome {
    guard arguments[1] < 64, VMAssist.known &>> arguments[1] & 1 != 0 else { throw .invalid }
    let bit = UInt64(1) &<< arguments[1]
    switch arguments[0] {
    case VMAssistCommand.enable: domain[].assists.fetchOr(bit)
    case VMAssistCommand.disable: domain[].assists.fetchAnd(~bit)
    default: throw .notImplemented
    }
    return .success
  }
}
