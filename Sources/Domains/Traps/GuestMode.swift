// SPDX-License-Identifier: Apache-2.0
// Kernel mode and user mode of a guest. To the CPU both are ring 3; what tells them apart is the page table in use, the GS base,
// and this vCPU's note of which it is.
import Machine
import XenABI

extension Ref where T == VCPU {
  /// Goes from user mode to kernel mode, on the CPU that runs the vCPU.
  @inline(__always)
  func enterKernelMode() {
    self[].isKernelMode = true
    Registers.swapGS()
    if let table = self[].kernelTable { Registers.setPageTable(table) }
  }

  /// Goes from kernel mode to user mode. False if the guest has given no user page table.
  @inline(__always)
  func enterUserMode() -> Bool {
    guard let table = self[].userTable else { return false }
    self[].isKernelMode = false
    Registers.swapGS()
    Registers.setPageTable(table)
    return true
  }
}

extension Ref where T == VCPU {
  /// A system call of a guest application: on to its kernel's entry point. Without one the instruction is undefined.
  @inline(__always)
  public func systemCall(_ frame: Ref<TrapFrame>) {
    let address = self[].callbacks.syscall
    guard address != 0 else {
      frame[].rip = frame[].rip &- 2
      return inject(ExceptionVector.invalidOpcode, errorCode: 0, frame)
    }
    bounce(frame, to: GuestEntryPoint(address: address, masksEvents: self[].callbacks.syscallMasksEvents))
  }

  /// For the return from a kernel to its application: false if there is no user page table.
  @inline(__always)
  public func returnToUserMode() -> Bool { enterUserMode() }
}

extension Ref where T == VCPU {
  /// A system call of a 32-bit application by SYSCALL. Without an entry point for it the instruction is undefined.
  public func compatSystemCall(_ frame: Ref<TrapFrame>) {
    let callbacks = self[].callbacks
    guard !self[].isKernelMode, callbacks.syscall32 != 0 else {
      frame[].rip = frame[].rip &- 2
      return inject(ExceptionVector.invalidOpcode, errorCode: 0, frame)
    }
    bounce(frame, to: GuestEntryPoint(address: callbacks.syscall32, masksEvents: callbacks.syscall32MasksEvents))
  }

  /// A system call of a 32-bit application by SYSENTER, which faults because the CPU is not set up for it. False if the kernel
  /// has no entry point for it.
  func enterBySysenter(_ frame: Ref<TrapFrame>) -> Bool {
    let callbacks = self[].callbacks
    guard !self[].isKernelMode, callbacks.sysenter != 0 else { return false }
    frame[].rflags &= ~FlagsRegister.resume
    bounce(frame, to: GuestEntryPoint(address: callbacks.sysenter, masksEvents: callbacks.sysenterMasksEvents))
    return true
  }
}
