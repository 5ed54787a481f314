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
  public static let trap: UInt64 = 1 &<< 8
  public static let interrupt: UInt64 = 1 &<< 9
  public static let ioPrivilege: UInt64 = 3 &<< 12
  public static let nestedTask: UInt64 = 1 &<< 14
  public static let resume: UInt64 = 1 &<< 16
  public static let virtual8086: UInt64 = 1 &<< 17
  public static let alignmentCheck: UInt64 = 1 &<< 18
  /// What SYSCALL and our entries clear for the handler.
  static let clearedOnEntry = trap | ioPrivilege | nestedTask | resume | virtual8086 | alignmentCheck
  /// What a guest may have set when it resumes.
  public static let guestMay: UInt64 = 0x24_4dd5 | interrupt
}

extension Ref where T == VCPU {
  /// Has the guest go on at `entry` in kernel mode, with what was interrupted on its stack. If its stack cannot be written the
  /// domain is at its end.
  @inline(__always)
  func bounce(_ frame: Ref<TrapFrame>, to entry: GuestEntryPoint) {
    var words = InlineArray<7, UInt64>(repeating: 0)
    var stack = prepare(frame)
    words[0] = frame[].rcx
    words[1] = frame[].r11
    words[2] = frame[].rip
    words[3] = codeSegmentWord(frame, entry)
    words[4] = flagsWord(frame)
    words[5] = frame[].rsp
    words[6] = frame[].ss
    stack = (stack & ~15) &- 56
    do { try GuestMemory.write(LinearAddress(stack), words) } catch { return stackFault(frame) }
    land(frame, entry, stack)
  }

  /// As `bounce`, for exceptions with an error code.
  @inline(__always)
  func bounce(_ frame: Ref<TrapFrame>, to entry: GuestEntryPoint, errorCode: UInt32) {
    var words = InlineArray<8, UInt64>(repeating: 0)
    var stack = prepare(frame)
    words[0] = frame[].rcx
    words[1] = frame[].r11
    words[2] = UInt64(errorCode)
    words[3] = frame[].rip
    words[4] = codeSegmentWord(frame, entry)
    words[5] = flagsWord(frame)
    words[6] = frame[].rsp
    words[7] = frame[].ss
    stack = (stack & ~15) &- 64
    do { try GuestMemory.write(LinearAddress(stack), words) } catch { return stackFault(frame) }
    land(frame, entry, stack)
  }

  // The order matters: the code segment word must see the mode that was interrupted, so `prepare` leaves that in the frame's
  // upper selector bits until `codeSegmentWord` has read it.
  @inline(__always)
  private func prepare(_ frame: Ref<TrapFrame>) -> UInt64 {
    if self[].isKernelMode {
      frame[].cs &= 0xfffc
      return frame[].rsp
    }
    frame[].cs &= 0xffff
    enterKernelMode()
    return self[].kernelStackPointer
  }

  @inline(__always)
  private func codeSegmentWord(_ frame: Ref<TrapFrame>, _ entry: GuestEntryPoint) -> UInt64 {
    let masked = self[].info.isMasked
    if masked { frame[].rflags &= ~FlagsRegister.interrupt } else { frame[].rflags |= FlagsRegister.interrupt }
    if entry.masksEvents && !masked { self[].info.isMasked = true }
    return frame[].cs | (masked ? 1 &<< 32 : 0)
  }

  @inline(__always)
  private func flagsWord(_ frame: Ref<TrapFrame>) -> UInt64 {
    // The guest's I/O privilege level is its own affair; it sees it where it believes the CPU keeps it, if it asked for that.
    var flags = frame[].rflags & ~FlagsRegister.ioPrivilege
    if self[].ioPrivilege != 0, self[].domain[].assists.load() & VMAssist.architecturalIOPL != 0 {
      flags |= UInt64(self[].ioPrivilege) &<< 12
    }
    return flags
  }

  @inline(__always)
  private func land(_ frame: Ref<TrapFrame>, _ entry: GuestEntryPoint, _ stack: UInt64) {
    frame[].rip = entry.address
    frame[].cs = UInt64(GuestSelectors.code64)
    frame[].rflags = frame[].rflags & ~FlagsRegister.clearedOnEntry | FlagsRegister.interrupt
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

/// The flat ring-3 segments that every GDT has (FLAT_RING3_* in xen/arch-x86/xen-x86_64.h).
public enum GuestSelectors {
  public static let code64: UInt16 = 0xe033
  public static let code32: UInt16 = 0xe023
  public static let data: UInt16 = 0xe02b
}

/// Assists by their bits (VMASST_TYPE_* in xen/xen.h).
public enum VMAssist {
  public static let architecturalIOPL: UInt64 = 1 &<< 4
  public static let runstateUpdateFlag: UInt64 = 1 &<< 5
  public static let strictM2P: UInt64 = 1 &<< 32
  /// What may be enabled: 4gb_segments, its notification, writable_pagetables, pae_extended_cr3, and the three above. The first four are
  /// accepted because guests ask for them; 64-bit guests need no action on them.
  public static let known: UInt64 = 0b11_1111 | strictM2P
}
