// SPDX-License-Identifier: Apache-2.0
// A debugger in Domain 0 (gdbsx) that hears of a domain's breakpoints. While one is attached (XEN_DOMCTL_setdebugging), a breakpoint
// or single step of the guest's kernel is not the guest's: the domain is paused with it, the vCPU keeps which it was until the
// debugger asks (XEN_DOMCTL_gdbsx_domstatus), and VIRQ_DEBUGGER says that there is something to ask for.
import Machine
import XenABI

extension Ref where T == VCPU {
  /// An exception of the guest's kernel: gives whether a debugger has taken it. The domain is paused then, this vCPU with it.
  func debuggerTakes(_ vector: UInt8) -> Bool {
    let domain = self[].domain
    guard domain[].isDebugged.load() != 0, self[].isKernelMode else { return false }
    // Whoever sees the domain paused sees why. Zero is no event; vectors are kept as one more.
    self[].debugEvent.store(UInt64(vector) &+ 1)
    do { try domain.beginPause() } catch {
      self[].debugEvent.store(0)
      return false
    }
    MachineInterrupts.raise(VirtualInterrupt.debugger)
    return true
  }
}

extension Ref where T == Domain {
  /// A vCPU that has met with a debugger's exception, and its vector; asking takes it. Nil if there is none.
  public func takeDebugEvent() -> (vcpu: VCPUID, vector: UInt32)? {
    for index in 0..<self[].maximumVCPUs {
      guard let vcpu = self[].vcpu(index: index) else { continue }
      let event = vcpu[].debugEvent.exchange(0)
      if event != 0 { return (vcpu[].id, UInt32(truncatingIfNeeded: event &- 1)) }
    }
    return nil
  }
}
