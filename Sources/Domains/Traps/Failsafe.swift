// SPDX-License-Identifier: Apache-2.0
// The failsafe callback: a guest hears that a segment register, or the place it wanted to return to, could not be loaded.
//
// Its frame has the four data segment selectors below the usual one: from the lowest address rcx, r11, ds, es, fs, gs, rip, cs,
// rflags, rsp, ss (xen_failsafe_callback in Linux's arch/x86/xen/xen-asm.S).
import Machine
import XenABI

extension Ref where T == VCPU {
  /// Enters the guest's failsafe callback; a guest without one is at its end.
  func failsafe(_ frame: Ref<TrapFrame>) {
    let address = self[].callbacks.failsafe
    guard address != 0 else {
      return domain.crash("a segment register could not be loaded, and there is no failsafe callback")
    }
    // What could not be loaded is null now; the frame tells what it should have been.
    let rcx = frame[].rcx
    let r11 = frame[].r11
    let selectors: InlineArray<4, UInt64> = [
      UInt64(self[].ds), UInt64(self[].es), UInt64(self[].fs), UInt64(self[].gs),
    ]
    bounce(frame, to: GuestEntryPoint(address: address, masksEvents: self[].callbacks.failsafeMasksEvents))
    guard self[].domain[].life.withLock({ $0.shutdownReason == nil }) else { return }
    // Make room between the two registers and the rest.
    let stack = frame[].rsp &- 32
    let words: InlineArray<6, UInt64> = [rcx, r11, selectors[0], selectors[1], selectors[2], selectors[3]]
    do { try GuestMemory.write(LinearAddress(stack), words) } catch {
      return domain.crash("the guest kernel's stack cannot be written")
    }
    frame[].rsp = stack
  }
}
