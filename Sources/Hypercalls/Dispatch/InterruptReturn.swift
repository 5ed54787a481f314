// SPDX-License-Identifier: Apache-2.0
// The return of a guest kernel to what it had interrupted (`iret`, struct iret_context in xen/arch-x86/xen-x86_64.h).
import Domains
import Machine
import XenABI

enum InterruptReturn {
  /// Takes the context from the guest's stack and makes it the frame to resume.
  @inline(__always)
  static func perform(_ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>) {
    var context = InlineArray<9, UInt64>(repeating: 0)
    do { context = try GuestMemory.read(LinearAddress(frame[].rsp), as: InlineArray<9, UInt64>.self, initial: context) } catch {
      return vcpu[].domain.crash("the stack given to iret cannot be read")
    }
    let flags = context[6]
    // Ring 3 means user mode; the others mean the kernel itself.
    if context[5] & 3 == 3 && !vcpu.returnToUserMode() {
      return vcpu[].domain.crash("a return to user mode without a user page table")
    }
    if vcpu[].pending.load() != 0 { vcpu[].pending.fetchAnd(~VCPUPending.nmiActive) }
    vcpu[].info.isMasked = flags & FlagsRegister.interrupt == 0
    frame[].rax = context[0]
    frame[].rip = context[4]
    frame[].rsp = context[7]
    let resumed = flags & FlagsRegister.guestMay | 2 | FlagsRegister.interrupt
    frame[].rflags = resumed
    // VGCF_in_syscall: RCX and R11 need not be restored, and SYSRET gives the flat segments.
    if context[3] & 0x100 != 0 && LinearAddress(context[4]).isCanonical {
      frame[].leavesBySysret = true
      frame[].cs = UInt64(GuestSelectors.code64)
      frame[].ss = UInt64(GuestSelectors.data)
      frame[].rcx = context[4]
      frame[].r11 = resumed
    } else {
      frame[].leavesBySysret = false
      frame[].cs = context[5] & 0xffff | 3
      frame[].ss = context[8] & 0xffff | 3
      frame[].rcx = context[2]
      frame[].r11 = context[1]
    }
  }
}
