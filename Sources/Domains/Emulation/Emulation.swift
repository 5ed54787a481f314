// SPDX-License-Identifier: Apache-2.0
// Privileged instructions of guest kernels, which fault in ring 3, given the meaning that the guest may have of them.
import Instructions
import Machine
import XenABI

/// Carrying out instructions on a guest's behalf.
enum Emulation {
  /// What became of an instruction.
  enum Outcome {
    /// It is done; RIP stands after it.
    case done
    /// It was INT n: its vector and its length.
    case softwareInterrupt(UInt8, length: UInt8)
    /// The guest has been given a fault instead of the one that brought us here.
    case faulted
    /// Not ours: the guest gets its original fault.
    case notOurs
  }

  /// The bytes at an address of the guest's, as many as can be read up to 15.
  static func fetch(_ address: UInt64) -> InstructionBytes {
    var bytes = InlineArray<16, UInt8>(repeating: 0)
    let wanted = 15
    var count = 0
    var span = bytes.mutableSpan
    count = GuestMemory.read(LinearAddress(address), into: &span, count: wanted)
    if count < wanted {
      // The copy stops at words; what lies before the page's end can still be read byte by byte.
      while count < wanted {
        guard let byte = try? GuestMemory.read(LinearAddress(address &+ UInt64(count)), as: UInt8.self, initial: 0)
        else { break }
        span[count] = byte
        count &+= 1
      }
    }
    return InstructionBytes(bytes, count: count)
  }

  /// The mode of the code that was interrupted, by its segment: a flat one, or one of the guest's own.
  static func mode(_ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>) -> CodeMode {
    let selector = frame[].cs & 0xffff
    if selector == UInt64(GuestSelectors.code64) { return .long }
    let index = Int(selector &>> 3)
    guard selector & 4 == 0, index < vcpu[].gdtEntries else { return .compatibility32 }
    let descriptors = vcpu.gdtFrame(index &>> 9)
    guard PhysicalWindow.contains(descriptors) else { return .compatibility32 }
    let descriptor = PhysicalWindow.load(descriptors, word: index & 511)
    if descriptor & (1 &<< 53) != 0 { return .long }
    return descriptor & (1 &<< 54) != 0 ? .compatibility32 : .compatibility16
  }

  /// CPUID behind Xen's forced emulation prefix. Gives whether the #UD was that.
  static func forced(_ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>) -> Bool {
    guard case .decoded(let instruction) = PrivilegedInstruction.decode(fetch(frame[].rip), mode: mode(vcpu, frame)),
      case .cpuid(isForced: true) = instruction.operation
    else { return false }
    Processor.identify(vcpu, frame)
    retire(UInt64(instruction.length), vcpu, frame)
    return true
  }

  /// The guest's instruction of `length` bytes has been done for it: it goes on behind it, as the CPU would. Single step and
  /// `breakpoints` (bits of DR6 that the instruction has met) trap there.
  @inline(__always)
  static func retire(_ length: UInt64, _ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>, breakpoints: UInt64 = 0) {
    frame[].rip = frame[].rip &+ length
    frame[].leavesBySysret = false
    let flags = frame[].rflags
    frame[].rflags = flags & ~FlagsRegister.resume
    if flags & FlagsRegister.trap != 0 || breakpoints != 0 { trapAfterwards(vcpu, frame, breakpoints) }
  }

  /// The debug exception after an instruction that was done for the guest.
  @inline(never)
  static func trapAfterwards(_ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>, _ breakpoints: UInt64) {
    let step = frame[].rflags & FlagsRegister.trap != 0 ? DebugStatus.singleStep : 0
    vcpu.raiseDebug(breakpoints | step, frame)
  }

  /// A general protection fault: perhaps a privileged instruction of a guest kernel's.
  static func privileged(_ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>) -> Outcome {
    guard case .decoded(let instruction) = PrivilegedInstruction.decode(fetch(frame[].rip), mode: mode(vcpu, frame))
    else {
      return .notOurs
    }
    let isDone: Bool
    switch instruction.operation {
    case .softwareInterrupt(let vector): return .softwareInterrupt(vector, length: instruction.length)
    case .portIn, .portOut, .stringIn, .stringOut:
      // Applications may use ports too, if their kernel lets them.
      return PortEmulation.perform(instruction, vcpu, frame)
    case .storeMachineStatus, .descriptorTable:
      // Applications may use those that store.
      return TableStores.perform(instruction, vcpu, frame) ?? .notOurs
    case .systemEnter: return vcpu.enterBySysenter(frame) ? .done : .notOurs
    case .cpuid(isForced: false):
      // Faults only where the CPU makes it; then for applications as well.
      Processor.identify(vcpu, frame)
      isDone = true
    case .readTimeStamp where vcpu.mayReadCounter, .readTimeStampAndProcessor where vcpu.mayReadCounter:
      let counter = vcpu.counter
      frame[].rax = counter & 0xffff_ffff
      frame[].rdx = counter &>> 32
      if instruction.operation == .readTimeStampAndProcessor { frame[].rcx = vcpu[].tscAux }
      isDone = true
    case .readDebug where vcpu[].isKernelMode, .writeDebug where vcpu[].isKernelMode:
      return moveDebug(instruction, vcpu, frame)
    default:
      guard vcpu[].isKernelMode else { return .notOurs }
      isDone = kernelOnly(instruction.operation, vcpu, frame)
    }
    guard isDone else { return .notOurs }
    retire(UInt64(instruction.length), vcpu, frame)
    return .done
  }

  /// What only a guest kernel may do. Gives whether it was done; if not the guest gets its fault.
  private static func kernelOnly(_ operation: PrivilegedOperation, _ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>) -> Bool {
    switch operation {
    case .readMSR: return ModelSpecific.read(vcpu, frame)
    case .writeMSR: return ModelSpecific.write(vcpu, frame)
    case .readControl(let register, let into, _):
      guard let value = ControlEmulation.read(register, vcpu) else { return false }
      setRegister(frame, into, value)
      return true
    case .writeControl(let register, let from, _):
      return ControlEmulation.write(register, getRegister(frame, from), vcpu)
    case .clearTaskSwitched:
      vcpu.setTaskSwitched(false)
      return true
    case .writeBackCaches, .invalidateCaches:
      if vcpu[].domain[].mayUseHardware { Registers.writeBackCaches() }
      return true
    case .invalidatePage(let expression):
      let bases = SegmentBases(fs: Registers.fsBase, gs: Registers.gsBase)
      let address = LinearAddress(
        expression.effectiveAddress(registers: frame[].generalRegisters, nextInstruction: frame[].rip, segments: bases))
      if !address.isHypervisor { TLB.invalidate(address) }
      return true
    case .setExtendedControl:
      guard UInt32(truncatingIfNeeded: frame[].rcx) == 0 else { return false }
      return vcpu.setExtendedControl(frame[].rdx &<< 32 | frame[].rax & 0xffff_ffff)
    case .getExtendedControl:
      guard UInt32(truncatingIfNeeded: frame[].rcx) == 0 else { return false }
      frame[].rax = vcpu[].xcr0 & 0xffff_ffff
      frame[].rdx = vcpu[].xcr0 &>> 32
      return true
    case .readPerformanceCounter:
      frame[].rax = 0
      frame[].rdx = 0
      return true
    case .enableInterrupts, .disableInterrupts:
      // Events are masked in vcpu_info; the flag itself means nothing. Allowed where the CPU would allow it.
      return vcpu[].ioPrivilege >= 1
    default:
      // LGDT and its like, HLT, IRET, SYSRET, SWAPGS: there are hypercalls for these; the instruction is refused.
      return false
    }
  }

  static func getRegister(_ frame: Ref<TrapFrame>, _ register: GeneralRegister) -> UInt64 {
    frame[].generalRegisters[register]
  }

  static func setRegister(_ frame: Ref<TrapFrame>, _ register: GeneralRegister, _ value: UInt64) {
    var registers = frame[].generalRegisters
    registers[register] = value
    frame[].generalRegisters = registers
  }
}
