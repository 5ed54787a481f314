// SPDX-License-Identifier: Apache-2.0
// What SYSCALL means: from a guest application a system call of its kernel's, from a guest kernel a hypercall.
import Domains
import Machine
import XenABI

/// The safe body of the SYSCALL entry.
public enum SystemCall {
  /// Handles the SYSCALL whose frame this is. Returns with the frame ready to be resumed.
  @inline(__always)
  public static func handle(_ frame: Ref<TrapFrame>) {
    Stretch.begin(.call(frame[].rax, frame[].rdi))
    guard let vcpu = Ref<PhysicalCPU>.current[].vcpu else { return GuestExit.prepare(frame) }
    if vcpu[].isKernelMode {
      // A SYSCALL in the last two bytes below the gap returns to an address that no CPU can go to. Intel's CPUs would fault
      // on SYSRET in ring 0, on the guest's stack; IRETQ faults on ours.
      if frame[].rip &>> 47 == 1 { frame[].leavesBySysret = false }
      let number = frame[].rax
      if number == HypercallNumber.interruptReturn {
        InterruptReturn.perform(vcpu, frame)
      } else {
        hypercall(vcpu, frame, number)
      }
    } else {
      vcpu.systemCall(frame)
    }
    GuestExit.prepare(frame)
  }

  /// Handles a SYSCALL from 32-bit code: applications have it if their kernel has an entry point for it.
  public static func handleCompat(_ frame: Ref<TrapFrame>) {
    Stretch.begin(.call(frame[].rax, frame[].rdi))
    if let vcpu = Ref<PhysicalCPU>.current[].vcpu { vcpu.compatSystemCall(frame) }
    GuestExit.prepare(frame)
  }

  @inline(never)
  private static func hypercall(_ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>, _ number: UInt64) {
    let f = frame[]
    var call = Hypercall(
      vcpu: vcpu, domain: vcpu[].domain, arguments: [f.rdi, f.rsi, f.rdx, f.r10, f.r8, f.r9])
    do {
      switch try call.dispatch(number) {
      case .done(let value): frame[].rax = value
      case .again: rewind(frame, call.arguments)
      case .interruptReturn: InterruptReturn.performListed(vcpu, frame)
      }
    } catch {
      if error == .restart { rewind(frame, call.arguments) } else { frame[].rax = error.result }
    }
  }

  /// Has the guest make the same call again, with what is left to do. SYSCALL is two bytes long; RAX still holds the number.
  @inline(never)
  private static func rewind(_ frame: Ref<TrapFrame>, _ arguments: InlineArray<6, UInt64>) {
    frame[].rip = frame[].rip &- 2
    frame[].rcx = frame[].rip
    frame[].rdi = arguments[0]
    frame[].rsi = arguments[1]
    frame[].rdx = arguments[2]
    frame[].r10 = arguments[3]
    frame[].r8 = arguments[4]
    frame[].r9 = arguments[5]
    // Interrupts that came meanwhile, and other vCPUs' turns, before it goes on.
    Registers.allowInterrupts()
  }
}
