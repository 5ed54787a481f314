// SPDX-License-Identifier: Apache-2.0
// Every function that the assembly calls, each one line: it turns the raw frame into a reference and hands it to safe code.
import Boot
import Domains
import Hypercalls
import Machine

/// SYSCALL from a guest.
@c(martlet_syscall)
public func martletSyscall(_ frame: UnsafeMutablePointer<TrapFrame>) {
  // SAFETY: 1. The entry code passes the frame it has just pushed.
  SystemCall.handle(unsafe Ref(entry: frame))
}

/// SYSCALL from a guest's 32-bit code.
@c(martlet_syscall_compat)
public func martletSyscallCompat(_ frame: UnsafeMutablePointer<TrapFrame>) {
  // SAFETY: as above.
  SystemCall.handleCompat(unsafe Ref(entry: frame))
}

/// An exception or interrupt other than those below.
@c(martlet_trap)
public func martletTrap(_ frame: UnsafeMutablePointer<TrapFrame>) {
  // SAFETY: as above.
  TrapDispatch.trap(unsafe Ref(entry: frame))
}

/// A page fault.
@c(martlet_page_fault)
public func martletPageFault(_ frame: UnsafeMutablePointer<TrapFrame>) {
  // SAFETY: as above.
  TrapDispatch.pageFault(unsafe Ref(entry: frame))
}

/// IRETQ to a guest was refused.
@c(martlet_iret_refused)
public func martletIretRefused(_ frame: UnsafeMutablePointer<TrapFrame>) {
  // SAFETY: as above.
  TrapDispatch.returnRefused(unsafe Ref(entry: frame))
}

/// A non-maskable interrupt, on its own stack.
@c(martlet_nmi)
public func martletNMI(_ frame: UnsafeMutablePointer<TrapFrame>) {
  // SAFETY: as above.
  NMIDispatch.handle(unsafe Ref(entry: frame))
}

/// A machine check.
@c(martlet_machine_check)
public func martletMachineCheck(_ frame: UnsafeMutablePointer<TrapFrame>) {
  // SAFETY: as above.
  MachineCheck.handle(unsafe Ref(entry: frame))
}

/// A double fault, on its own stack: the end.
@c(martlet_fatal)
public func martletFatal(_ frame: UnsafeMutablePointer<TrapFrame>) {
  // SAFETY: as above.
  MachineEnd.panic("a double fault", unsafe Ref(entry: frame))
}

/// The boot CPU, in long mode on the boot stack.
@c(martlet_main)
public func martletMain(_ magic: UInt32, _ information: UInt32) {
  BootSequence.run(magic: magic, information: information, start: martletRun)
}

/// Any CPU once it is set up, on its own stack: finds somebody to run, for ever.
@c(martlet_run)
public func martletRun() {
  GuestExit.prepare(CPUs.guestFrame)
  Startup.resumeGuest()
}

/// Another CPU, in long mode on its own stack.
@c(martlet_ap_main)
public func martletAPMain() {
  CPUStart.enter()
  martletRun()
}
