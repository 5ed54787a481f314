// SPDX-License-Identifier: Apache-2.0
// Handing control to a guest kernel's entry point: the frame on its stack, and the registers it starts with.
//
// The frame, from its lowest address: rcx, r11, the error code if the entry has one, rip, cs with the event mask in bits 39-32,
// rflags with IF telling whether events were let in, rsp, ss (see xen_*_trap in Linux's arch/x86/xen/xen-asm.S, which pops the
// first two). Because the kernel gets RCX and R11 from the frame, it can be entered by SYSRET.
import Machine
import XenABI

/// Where and how a guest kernel is entered.
public struct GuestEntryPoint: BitwiseCopyable {
  /// The handler's address: canonical, as all are checked when they are registered.
  var address: UInt64
  /// Whether events are masked on the way in.
  var masksEvents: Bool

  @inline(__always)
  init(address: UInt64, masksEvents: Bool) {
    self.address = address
    self.masksEvents = masksEvents
  }
}

/// Flags of RFLAGS by name.
public enum FlagsRegister {
  /// TF: single step.
  public static let trap: UInt64 = 1 &<< 8
  /// IF.
  public static let interrupt: UInt64 = 1 &<< 9
  /// IOPL, two bits.
  public static let ioPrivilege: UInt64 = 3 &<< 12
  /// NT.
  public static let nestedTask: UInt64 = 1 &<< 14
  /// RF.
  public static let resume: UInt64 = 1 &<< 16
  /// VM.
  public static let virtual8086: UInt64 = 1 &<< 17
  /// AC.
  public static let alignmentCheck: UInt64 = 1 &<< 18
  /// What SYSCALL and our entries clear for the handler.
  static let clearedOnEntry = trap | ioPrivilege | nestedTask | resume | virtual8086 | alignmentCheck
  /// What a guest may have set when it resumes: the arithmetic flags and DF, TF, IF, NT, RF, AC, ID.
  public static let guestMay: UInt64 = 0x20_0cd5 | trap | interrupt | nestedTask | resume | alignmentCheck
  /// What SYSRET cannot restore as IRET does: RF it drops, and with TF it traps before the first instruction.
  public static let neverBySysret = trap | resume
}

extension Ref where T == VCPU {
  /// Has the guest go on at `entry` in kernel mode, with what was interrupted on its stack. If its stack cannot be written the
  /// domain is at its end.
  @inline(__always)
  func bounce(_ frame: Ref<TrapFrame>, to entry: GuestEntryPoint) {
    let was = interrupt(frame, entry)
    let stack = (was.stack & ~15) &- 56
    guard
      GuestMemory.writeWords(
        LinearAddress(stack), frame[].rcx, frame[].r11, frame[].rip, was.cs, was.flags, frame[].rsp, frame[].ss)
    else { return stackFault(frame) }
    land(frame, entry, stack, was.flags)
  }

  /// As `bounce`, for exceptions with an error code.
  @inline(__always)
  func bounce(_ frame: Ref<TrapFrame>, to entry: GuestEntryPoint, errorCode: UInt32) {
    let was = interrupt(frame, entry)
    let stack = (was.stack & ~15) &- 64
    guard
      GuestMemory.writeWords(
        LinearAddress(stack), frame[].rcx, frame[].r11, UInt64(errorCode), frame[].rip, was.cs, was.flags, frame[].rsp,
        frame[].ss)
    else { return stackFault(frame) }
    land(frame, entry, stack, was.flags)
  }

  /// Goes to kernel mode if the vCPU is not there, and masks events if the entry does. Gives the words for the guest's frame
  /// that are not simply what was interrupted, and the stack that it goes on.
  @inline(__always)
  private func interrupt(
    _ frame: Ref<TrapFrame>, _ entry: GuestEntryPoint
  ) -> (cs: UInt64, flags: UInt64, stack: UInt64) {
    var cs = frame[].cs
    var stack: UInt64
    if self[].isKernelMode {
      // The kernel's own ring is 0 to its eyes.
      cs &= 0xfffc
      stack = frame[].rsp
    } else {
      cs &= 0xffff
      stack = self[].kernelStackPointer
      enterKernelMode()
    }
    let info = self[].info
    var flags = frame[].rflags & ~(FlagsRegister.ioPrivilege | FlagsRegister.interrupt)
    if info.isMasked {
      cs |= 1 &<< 32
    } else {
      flags |= FlagsRegister.interrupt
      if entry.masksEvents { info.isMasked = true }
    }
    // The guest's I/O privilege level is its own affair; it sees it where it believes the CPU keeps it, if it asked for that.
    if self[].ioPrivilege != 0, self[].domain[].assists.load() & VMAssist.architecturalIOPL != 0 {
      flags |= UInt64(self[].ioPrivilege) &<< 12
    }
    return (cs, flags, stack)
  }

  @inline(__always)
  private func land(_ frame: Ref<TrapFrame>, _ entry: GuestEntryPoint, _ stack: UInt64, _ flags: UInt64) {
    frame[].rip = entry.address
    frame[].cs = UInt64(GuestSelectors.code64)
    frame[].rflags = flags & ~FlagsRegister.clearedOnEntry | FlagsRegister.interrupt
    frame[].rsp = stack
    frame[].ss = UInt64(GuestSelectors.data)
    frame[].leavesBySysret = true
  }

  @inline(never)
  private func stackFault(_ frame: Ref<TrapFrame>) {
    domain.crash("the guest kernel's stack cannot be written")
  }

  var domain: Ref<Domain> { self[].domain }
}
