// SPDX-License-Identifier: Apache-2.0
//
// The instructions that trap when a guest kernel runs in ring 3, as values. A PV hypervisor sees them through #GP or
// #UD and gives each its meaning for the guest; this file only says what the guest asked for.

/// One decoded privileged (or otherwise trapping) instruction.
public struct PrivilegedInstruction: Equatable, Sendable {
  /// What to do.
  public let operation: PrivilegedOperation
  /// Length in bytes, prefixes included: what to add to RIP once it is done.
  public let length: UInt8
}

/// What a privileged instruction asks for. Register and memory operands are as encoded; nothing is evaluated.
public enum PrivilegedOperation: Equatable, Sendable {
  /// CPUID. `isForced` with Xen's forced emulation prefix (arch-x86/xen.h, `XEN_EMULATE_PREFIX`).
  case cpuid(isForced: Bool)
  /// RDMSR: EDX:EAX from the MSR in ECX.
  case readMSR
  /// WRMSR: EDX:EAX to the MSR in ECX.
  case writeMSR
  /// IN: to AL, AX or EAX.
  case portIn(PortAccess)
  /// OUT: from AL, AX or EAX.
  case portOut(PortAccess)
  /// INS: port DX to ES:[RDI].
  case stringIn(StringPortAccess)
  /// OUTS: segment:[RSI] to port DX.
  case stringOut(StringPortAccess)
  /// MOV from CR0, CR2, CR3, CR4 or CR8.
  case readControl(ControlRegister, into: GeneralRegister, OperandSize)
  /// MOV to CR0, CR2, CR3, CR4 or CR8.
  case writeControl(ControlRegister, from: GeneralRegister, OperandSize)
  /// MOV from DR0 to DR7, by number; 4 and 5 are aliases of 6 and 7 unless CR4.DE makes them #UD.
  case readDebug(UInt8, into: GeneralRegister, OperandSize)
  /// MOV to DR0 to DR7, by number; 4 and 5 as above.
  case writeDebug(UInt8, from: GeneralRegister, OperandSize)
  /// CLTS.
  case clearTaskSwitched
  /// LMSW: the low word of CR0 from a 16-bit operand.
  case loadMachineStatus(SystemOperand)
  /// SMSW: CR0 to a register of any size, or its low word to memory.
  case storeMachineStatus(SystemOperand)
  /// INVD.
  case invalidateCaches
  /// WBINVD, and WBNOINVD (F3) alike.
  case writeBackCaches
  /// INVLPG.
  case invalidatePage(AddressExpression)
  /// INVPCID: type from the register, 16-byte descriptor from memory.
  case invalidatePCID(type: GeneralRegister, OperandSize, AddressExpression)
  /// XSETBV: EDX:EAX to the extended control register in ECX.
  case setExtendedControl
  /// XGETBV: EDX:EAX from the extended control register in ECX.
  case getExtendedControl
  /// RDTSC.
  case readTimeStamp
  /// RDTSCP: as RDTSC, and ECX from the MSR TSC_AUX.
  case readTimeStampAndProcessor
  /// RDPMC: EDX:EAX from the counter in ECX.
  case readPerformanceCounter
  /// HLT.
  case halt
  /// CLI.
  case disableInterrupts
  /// STI.
  case enableInterrupts
  /// IRET, IRETD or IRETQ, by the size of its stack slots.
  case interruptReturn(OperandSize)
  /// SYSRET to a 64-bit (quadword) or 32-bit (doubleword) user.
  case systemReturn(OperandSize)
  /// SYSENTER.
  case systemEnter
  /// SYSEXIT to a 64-bit (quadword) or 32-bit (doubleword) user.
  case systemExit(OperandSize)
  /// LGDT, LIDT, LLDT, LTR and their storing halves.
  case descriptorTable(DescriptorTableOperation, SystemOperand)
  /// SWAPGS.
  case swapGS
  /// RDFSBASE or RDGSBASE.
  case readSegmentBase(SegmentRegister, into: GeneralRegister, OperandSize)
  /// WRFSBASE or WRGSBASE.
  case writeSegmentBase(SegmentRegister, from: GeneralRegister, OperandSize)
  /// CLAC (false) or STAC (true).
  case setAlignmentCheck(Bool)
  /// MONITOR or MONITORX.
  case monitor
  /// MWAIT or MWAITX.
  case wait
  /// INT n.
  case softwareInterrupt(UInt8)
  /// INT3, the one-byte form.
  case breakpoint
  /// INTO; only outside long mode.
  case overflow
  /// INT1 (ICEBP).
  case debugTrap
}

/// A control register that exists; the raw value is its number.
public enum ControlRegister: UInt8, Sendable {
  case cr0 = 0
  case cr2 = 2
  case cr3 = 3
  case cr4 = 4
  case cr8 = 8
}

/// IN or OUT with a register.
public struct PortAccess: Equatable, Sendable {
  /// The port in the instruction, or nil for DX.
  public let immediatePort: UInt8?
  /// byte, word or doubleword.
  public let size: OperandSize

  /// The port that is meant.
  public func port(_ registers: GeneralRegisters) -> UInt16 {
    if let immediatePort { return UInt16(immediatePort) }
    return UInt16(truncatingIfNeeded: registers[.rdx])
  }
}

/// INS or OUTS. The port is DX.
public struct StringPortAccess: Equatable, Sendable {
  /// byte, word or doubleword.
  public let size: OperandSize
  /// The element in memory: ES:[RDI] for INS, segment:[RSI] for OUTS.
  public let address: AddressExpression
  /// Repetition and index width.
  public let iteration: StringIteration

  /// Accounts for one element moved: advances RDI or RSI and the count.
  ///
  /// - Returns: true when the instruction is finished and RIP should move on.
  public func finishElement(_ registers: inout GeneralRegisters, _ flags: ProcessorFlags) -> Bool {
    if let index = address.base { iteration.advance(index, size, &registers, flags) }
    return iteration.countDown(&registers)
  }
}

/// An operand that is a register or memory.
public enum SystemOperand: Equatable, Sendable {
  case register(GeneralRegister, OperandSize)
  case memory(AddressExpression)
}

/// The instructions on descriptor-table registers and the task register.
public enum DescriptorTableOperation: UInt8, Sendable {
  /// SLDT, STR, LLDT and LTR: opcode 0F 00, by group number.
  case storeLDT, storeTask, loadLDT, loadTask
  /// SGDT, SIDT, LGDT and LIDT: opcode 0F 01, by group number plus four.
  case storeGDT, storeIDT, loadGDT, loadIDT
}
