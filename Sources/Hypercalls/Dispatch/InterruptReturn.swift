// SPDX-License-Identifier: Apache-2.0
// The return of a guest kernel to what it had interrupted (`iret`, struct iret_context in xen/arch-x86/xen-x86_64.h).
import Domains
import Machine
import XenABI

enum InterruptReturn {
  /// As `perform`, for the end of a list of calls: not inlined a second time.
  @inline(never)
  static func performListed(_ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>) { perform(vcpu, frame) }

  /// Takes the context from the guest's stack and makes it the frame to resume.
  @inline(__always)
  static func perform(_ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>) {
    let context: GuestWords9
    do { context = try GuestMemory.readWords9(LinearAddress(frame[].rsp)) } catch {
      return vcpu[].domain.crash("the stack given to iret cannot be read")
    }
    // Ring 3 means user mode; the others mean the kernel itself.
    if context.w5 & 3 == 3 && !vcpu.returnToUserMode() {
      return vcpu[].domain.crash("a return to user mode without a user page table")
    }
    if vcpu[].pending.load() != 0 { vcpu[].pending.fetchAnd(~VCPUPending.nmiActive) }
    vcpu[].info.isMasked = context.w6 & FlagsRegister.interrupt == 0
    frame[].rax = context.w0
    frame[].rip = context.w4
    frame[].rsp = context.w7
    let resumed = context.w6 & FlagsRegister.guestMay | 2 | FlagsRegister.interrupt
    frame[].rflags = resumed
    // VGCF_in_syscall: RCX and R11 need not be restored, and SYSRET gives the flat segments.
    if context.w3 & ReturnFlag.inSystemCall != 0 && context.w6 & FlagsRegister.neverBySysret == 0
      && LinearAddress(context.w4).isCanonical
    {
      frame[].leavesBySysret = true
      frame[].cs = UInt64(GuestSelectors.code64)
      frame[].ss = UInt64(GuestSelectors.data)
      frame[].rcx = context.w4
      frame[].r11 = resumed
    } else {
      frame[].leavesBySysret = false
      frame[].cs = context.w5 & 0xffff | 3
      frame[].ss = context.w8 & 0xffff | 3
      frame[].rcx = context.w2
      frame[].r11 = context.w1
    }
  }
}
