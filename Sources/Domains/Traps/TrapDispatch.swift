// SPDX-License-Identifier: Apache-2.0
// What an exception or interrupt leads to.
import Machine
import XenABI

/// The entries' safe bodies.
public enum TrapDispatch {
  /// An exception other than a page fault, or an interrupt. Returns with the frame ready to be resumed.
  @inline(__always)
  public static func trap(_ frame: Ref<TrapFrame>) {
    let vector = UInt8(truncatingIfNeeded: frame[].vector)
    guard frame[].isGuest else { return fromHypervisor(frame, vector) }
    Stretch.begin(.vector(vector))
    if vector >= 32 && vector != 0x80 {
      Interrupts.handle(vector)
    } else if let vcpu = Ref<PhysicalCPU>.current[].vcpu {
      exception(vcpu, vector, frame)
    }
    GuestExit.prepare(frame)
  }

  private static func exception(_ vcpu: Ref<VCPU>, _ vector: UInt8, _ frame: Ref<TrapFrame>) {
    let code = frame[].error_code
    switch vector {
    case ExceptionVector.generalProtection:
      generalProtection(vcpu, code, frame)
    case ExceptionVector.invalidOpcode:
      if Emulation.forced(vcpu, frame) { return }
      vcpu.inject(vector, errorCode: 0, frame)
    case ExceptionVector.deviceNotAvailable:
      // TS is only set when the guest asked for it; it is clear again when the guest's handler runs.
      Registers.clearTaskSwitched()
      vcpu[].taskSwitched = false
      vcpu[].cr0 &= ~8
      vcpu.inject(vector, errorCode: 0, frame)
    case ExceptionVector.debug:
      let met = Registers.debug(6) ^ DebugStatus.fixed
      Registers.setDebug(6, DebugStatus.fixed)
      if vcpu.debuggerTakes(vector) { return }
      vcpu.raiseDebug(met, frame)
    case ExceptionVector.breakpoint:
      if vcpu.debuggerTakes(vector) { return }
      vcpu.inject(vector, errorCode: 0, frame)
    case 0x80:
      if !vcpu.injectSoftwareInterrupt(0x80, frame) {
        // As if the instruction had faulted: back to its start.
        frame[].rip = frame[].rip &- 2
        vcpu.inject(ExceptionVector.generalProtection, errorCode: 0x80 &<< 3 | 2, frame)
      }
    default:
      vcpu.inject(vector, errorCode: code, frame)
    }
  }

  private static func generalProtection(_ vcpu: Ref<VCPU>, _ code: UInt32, _ frame: Ref<TrapFrame>) {
    if code == 0 && vcpu[].isKernelMode && readMSR(vcpu, frame) { return }
    // A software interrupt through a gate that ring 3 may not use says so by bit 1. The vector comes from the instruction:
    // one emulator reports a wrong one in the error code.
    if code & 2 != 0 || code == 0 || code & 7 == 2 {
      switch Emulation.privileged(vcpu, frame) {
      case .done: return
      case .softwareInterrupt(let vector, let length):
        let (start, flags) = (frame[].rip, frame[].rflags)
        // The instruction is over where it is delivered, and RF with it.
        frame[].rip = start &+ UInt64(length)
        frame[].rflags = flags & ~FlagsRegister.resume
        if vcpu.injectSoftwareInterrupt(vector, frame) { return }
        frame[].rip = start
        frame[].rflags = flags
        return vcpu.inject(ExceptionVector.generalProtection, errorCode: UInt32(vector) &<< 3 | 2, frame)
      case .faulted: return
      case .notOurs: break
      }
    }
    vcpu.inject(ExceptionVector.generalProtection, errorCode: code, frame)
  }

  /// RDMSR of a segment base, which kernels do at every switch between processes, done without the decoder. Gives whether the
  /// instruction was that.
  private static func readMSR(_ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>) -> Bool {
    let number = UInt32(truncatingIfNeeded: frame[].rcx)
    guard number &- 0xc000_0100 <= 2,
      let bytes = try? GuestMemory.read(LinearAddress(frame[].rip), as: UInt16.self, initial: 0),
      bytes == 0x320f
    else { return false }
    let value =
      number == 0xc000_0100 ? Registers.fsBase : number == 0xc000_0101 ? Registers.gsBase : Registers.inactiveGSBase
    frame[].rax = value & 0xffff_ffff
    frame[].rdx = value &>> 32
    Emulation.retire(2, vcpu, frame)
    return true
  }

  /// A trap inside the hypervisor: an interrupt that the idle loop let in, a fault that was provided for, or a bug.
  private static func fromHypervisor(_ frame: Ref<TrapFrame>, _ vector: UInt8) {
    if vector >= 32 {
      Stretch.begin(.vector(vector))
      Interrupts.handle(vector)
      return Stretch.measure()
    }
    if vector == ExceptionVector.debug {
      // Held back by MOV SS in a guest until our first instruction; the guest gets none of it.
      Registers.setDebug(6, DebugStatus.fixed)
      frame[].rflags &= ~FlagsRegister.trap
      return
    }
    if let next = Fixups.find(frame[].rip) {
      Ref<PhysicalCPU>.current[].fixedFault = FixedFault(vector: vector, errorCode: frame[].error_code, address: 0)
      frame[].rip = next
      return
    }
    MachineEnd.panic("an exception in the hypervisor", frame)
  }

  /// A page fault.
  @inline(__always)
  public static func pageFault(_ frame: Ref<TrapFrame>) {
    let address = Registers.cr2
    let code = frame[].error_code
    guard frame[].isGuest else { return pageFaultInHypervisor(frame, address) }
    Stretch.begin(.vector(ExceptionVector.pageFault))
    guard let vcpu = Ref<PhysicalCPU>.current[].vcpu else { return }
    // A write to a present page in kernel mode may be one to a live page table.
    if (code & 3 == 3 && vcpu[].isKernelMode) || LinearAddress(address).isHypervisor {
      if specialPageFault(vcpu, address, code, frame) { return GuestExit.prepare(frame) }
    }
    vcpu.injectPageFault(address: address, errorCode: code, frame)
    GuestExit.prepare(frame)
  }

  @inline(never)
  private static func specialPageFault(_ vcpu: Ref<VCPU>, _ address: UInt64, _ code: UInt32, _ frame: Ref<TrapFrame>)
    -> Bool
  {
    if LinearAddress(address).isHypervisor {
      // The CPU reads segment descriptors by our addresses on the guest's behalf.
      if DescriptorArea.showLDT(vcpu, address) { return true }
      if let offset = DescriptorArea.ldtOffset(address) {
        // The guest sees the fault where it believes its LDT to be.
        vcpu.injectPageFault(address: vcpu[].ldtBase &+ offset, errorCode: code & ~1, frame)
        return true
      }
      return false
    }
    return WritablePageTables.emulate(vcpu, address, frame)
  }

  private static func pageFaultInHypervisor(_ frame: Ref<TrapFrame>, _ address: UInt64) {
    // Before the first CPU has a record there is none to ask.
    if CPUs.started == 0 { MachineEnd.panic("a page fault in the hypervisor, at boot", frame) }
    if let vcpu = Ref<PhysicalCPU>.current[].vcpu, DescriptorArea.showLDT(vcpu, address) { return }
    if let next = Fixups.find(frame[].rip) {
      let code = frame[].error_code
      if StaleTranslation.mayTryAgain(address, code) { return }
      Ref<PhysicalCPU>.current[].fixedFault = FixedFault(
        vector: ExceptionVector.pageFault, errorCode: code, address: address)
      frame[].rip = next
      return
    }
    MachineEnd.panic("a page fault in the hypervisor", frame)
  }

  /// IRETQ to a guest faulted on what it was given.
  public static func returnRefused(_ frame: Ref<TrapFrame>) {
    let cpu = Ref<PhysicalCPU>.current
    guard let vcpu = cpu[].vcpu else { return }
    // The guest sees the fault where it wanted to go, as if it had been there.
    let fault = cpu[].fixedFault
    if fault.vector == ExceptionVector.pageFault, let offset = DescriptorArea.ldtOffset(fault.address) {
      vcpu.injectPageFault(address: vcpu[].ldtBase &+ offset, errorCode: fault.errorCode & ~1, frame)
    } else {
      vcpu.inject(fault.vector, errorCode: fault.errorCode, frame)
    }
    GuestExit.prepare(frame)
  }
}
