// SPDX-License-Identifier: Apache-2.0
//
// Privileged instructions: bytes as GNU as assembles them, against what they decode to.

import Testing

@testable import Instructions

/// `segment:displacement(base, index, 1 << scale)` of a 64-bit address in long mode.
func memory(
  _ base: GeneralRegister?, _ displacement: UInt64 = 0, index: GeneralRegister? = nil, scale: UInt8 = 0,
  segment: SegmentRegister? = nil, size: OperandSize = .quadword, relative: Bool = false, mode: CodeMode = .long
) -> AddressExpression {
  let isStack = base == .rsp || base == .rbp
  var address = AddressExpression(segment ?? (isStack ? .ss : .ds), base: base, size: size, mode: mode)
  address.displacement = displacement
  address.index = index
  address.scale = scale
  address.isInstructionRelative = relative
  return address
}

private func ins(_ size: OperandSize, repeats: Bool = false, address: OperandSize = .quadword) -> PrivilegedOperation {
  .stringIn(
    StringPortAccess(
      size: size, address: memory(.rdi, segment: .es, size: address),
      iteration: StringIteration(addressSize: address, repeats: repeats)))
}

private func outs(_ size: OperandSize, repeats: Bool = false, segment: SegmentRegister = .ds) -> PrivilegedOperation {
  .stringOut(
    StringPortAccess(
      size: size, address: memory(.rsi, segment: segment),
      iteration: StringIteration(addressSize: .quadword, repeats: repeats)))
}

private func port(_ number: UInt8?, _ size: OperandSize) -> PortAccess { PortAccess(immediatePort: number, size: size) }

/// Long mode: each row is one instruction, complete.
private let longTable: [(String, PrivilegedOperation)] = [
  ("0f a2", .cpuid(isForced: false)),
  ("0f 0b 78 65 6e 0f a2", .cpuid(isForced: true)),
  ("0f 32", .readMSR),
  ("0f 30", .writeMSR),
  ("e4 60", .portIn(port(0x60, .byte))),
  ("66 e5 60", .portIn(port(0x60, .word))),
  ("e5 60", .portIn(port(0x60, .doubleword))),
  ("ec", .portIn(port(nil, .byte))),
  ("66 ed", .portIn(port(nil, .word))),
  ("ed", .portIn(port(nil, .doubleword))),
  ("48 ed", .portIn(port(nil, .doubleword))),
  ("e6 80", .portOut(port(0x80, .byte))),
  ("66 e7 80", .portOut(port(0x80, .word))),
  ("e7 80", .portOut(port(0x80, .doubleword))),
  ("ee", .portOut(port(nil, .byte))),
  ("66 ef", .portOut(port(nil, .word))),
  ("ef", .portOut(port(nil, .doubleword))),
  ("6c", ins(.byte)),
  ("66 6d", ins(.word)),
  ("6d", ins(.doubleword)),
  ("f3 6c", ins(.byte, repeats: true)),
  ("f3 48 6d", ins(.doubleword, repeats: true)),
  ("67 66 f3 6d", ins(.word, repeats: true, address: .doubleword)),
  ("64 6c", ins(.byte)),  // no prefix moves INS off ES
  ("6e", outs(.byte)),
  ("66 f3 6f", outs(.word, repeats: true)),
  ("f2 6f", outs(.doubleword, repeats: true)),
  ("64 6f", outs(.doubleword, segment: .fs)),
  ("0f 20 c0", .readControl(.cr0, into: .rax, .quadword)),
  ("0f 20 d3", .readControl(.cr2, into: .rbx, .quadword)),
  ("41 0f 20 d9", .readControl(.cr3, into: .r9, .quadword)),
  ("0f 20 e6", .readControl(.cr4, into: .rsi, .quadword)),
  ("44 0f 20 c2", .readControl(.cr8, into: .rdx, .quadword)),
  ("0f 20 00", .readControl(.cr0, into: .rax, .quadword)),  // mode bits mean nothing
  ("0f 22 c0", .writeControl(.cr0, from: .rax, .quadword)),
  ("41 0f 22 df", .writeControl(.cr3, from: .r15, .quadword)),
  ("0f 22 e7", .writeControl(.cr4, from: .rdi, .quadword)),
  ("45 0f 22 c0", .writeControl(.cr8, from: .r8, .quadword)),
  ("0f 21 c0", .readDebug(0, into: .rax, .quadword)),
  ("41 0f 21 fc", .readDebug(7, into: .r12, .quadword)),
  ("0f 23 f1", .writeDebug(6, from: .rcx, .quadword)),
  ("41 0f 23 da", .writeDebug(3, from: .r10, .quadword)),
  ("0f 06", .clearTaskSwitched),
  ("0f 01 f0", .loadMachineStatus(.register(.rax, .word))),
  ("0f 01 33", .loadMachineStatus(.memory(memory(.rbx)))),
  ("0f 01 e0", .storeMachineStatus(.register(.rax, .doubleword))),
  ("49 0f 01 e3", .storeMachineStatus(.register(.r11, .quadword))),
  ("66 0f 01 e2", .storeMachineStatus(.register(.rdx, .word))),
  ("0f 01 61 08", .storeMachineStatus(.memory(memory(.rcx, 8)))),
  ("0f 08", .invalidateCaches),
  ("0f 09", .writeBackCaches),
  ("f3 0f 09", .writeBackCaches),
  ("0f 01 3f", .invalidatePage(memory(.rdi))),
  ("43 0f 01 bc ac 00 10 00 00", .invalidatePage(memory(.r12, 0x1000, index: .r13, scale: 2))),
  ("0f 01 3d 20 00 00 00", .invalidatePage(memory(nil, 0x20, relative: true))),
  ("65 67 0f 01 38", .invalidatePage(memory(.rax, segment: .gs, size: .doubleword))),
  ("66 0f 38 82 06", .invalidatePCID(type: .rax, .quadword, memory(.rsi))),
  ("66 44 0f 38 82 73 10", .invalidatePCID(type: .r14, .quadword, memory(.rbx, 0x10))),
  ("0f 01 d1", .setExtendedControl),
  ("0f 01 d0", .getExtendedControl),
  ("0f 31", .readTimeStamp),
  ("0f 01 f9", .readTimeStampAndProcessor),
  ("0f 33", .readPerformanceCounter),
  ("f4", .halt),
  ("fa", .disableInterrupts),
  ("fb", .enableInterrupts),
  ("cf", .interruptReturn(.doubleword)),
  ("48 cf", .interruptReturn(.quadword)),
  ("66 cf", .interruptReturn(.word)),
  ("0f 07", .systemReturn(.doubleword)),
  ("48 0f 07", .systemReturn(.quadword)),
  ("0f 34", .systemEnter),
  ("0f 35", .systemExit(.doubleword)),
  ("48 0f 35", .systemExit(.quadword)),
  ("0f 01 10", .descriptorTable(.loadGDT, .memory(memory(.rax)))),
  ("0f 01 5d 40", .descriptorTable(.loadIDT, .memory(memory(.rbp, 0x40)))),
  ("0f 00 d0", .descriptorTable(.loadLDT, .register(.rax, .word))),
  ("0f 00 11", .descriptorTable(.loadLDT, .memory(memory(.rcx)))),
  ("0f 00 da", .descriptorTable(.loadTask, .register(.rdx, .word))),
  ("0f 01 06", .descriptorTable(.storeGDT, .memory(memory(.rsi)))),
  ("0f 01 0f", .descriptorTable(.storeIDT, .memory(memory(.rdi)))),
  ("0f 00 c0", .descriptorTable(.storeLDT, .register(.rax, .doubleword))),
  ("49 0f 00 c0", .descriptorTable(.storeLDT, .register(.r8, .quadword))),
  ("0f 00 c9", .descriptorTable(.storeTask, .register(.rcx, .doubleword))),
  ("0f 00 0a", .descriptorTable(.storeTask, .memory(memory(.rdx)))),
  ("0f 01 f8", .swapGS),
  ("f3 0f ae c0", .readSegmentBase(.fs, into: .rax, .doubleword)),
  ("f3 49 0f ae ca", .readSegmentBase(.gs, into: .r10, .quadword)),
  ("f3 48 0f ae d2", .writeSegmentBase(.fs, from: .rdx, .quadword)),
  ("f3 0f ae d9", .writeSegmentBase(.gs, from: .rcx, .doubleword)),
  ("0f 01 ca", .setAlignmentCheck(false)),
  ("0f 01 cb", .setAlignmentCheck(true)),
  ("0f 01 c8", .monitor),
  ("0f 01 fa", .monitor),
  ("0f 01 c9", .wait),
  ("0f 01 fb", .wait),
  ("cd 80", .softwareInterrupt(0x80)),
  ("cc", .breakpoint),
  ("f1", .debugTrap),
]

/// 32-bit code.
private let compatibilityTable: [(String, PrivilegedOperation)] = [
  ("ce", .overflow),
  ("cd 82", .softwareInterrupt(0x82)),
  ("0f 20 c0", .readControl(.cr0, into: .rax, .doubleword)),
  ("cf", .interruptReturn(.doubleword)),
  ("6c", ins32()),
  ("26 6e", outs32(.es)),
  ("0f 01 3d 00 10 00 00", .invalidatePage(memory(nil, 0x1000, size: .doubleword, mode: .compatibility32))),
  ("67 0f 01 38", .invalidatePage(memory(.rbx, index: .rsi, size: .word, mode: .compatibility32))),
]

private func ins32() -> PrivilegedOperation {
  .stringIn(
    StringPortAccess(
      size: .byte, address: memory(.rdi, segment: .es, size: .doubleword, mode: .compatibility32),
      iteration: StringIteration(addressSize: .doubleword, repeats: false)))
}

private func outs32(_ segment: SegmentRegister) -> PrivilegedOperation {
  .stringOut(
    StringPortAccess(
      size: .byte, address: memory(.rsi, segment: segment, size: .doubleword, mode: .compatibility32),
      iteration: StringIteration(addressSize: .doubleword, repeats: false)))
}

@Suite struct PrivilegedDecodingTests {
  @Test func longModeTable() {
    for (text, operation) in longTable { check(text, operation, .long) }
  }

  @Test func compatibilityTable32() {
    for (text, operation) in compatibilityTable { check(text, operation, .compatibility32) }
  }

  /// The row itself, the row with bytes behind it, and each of its beginnings.
  private func check(_ text: String, _ operation: PrivilegedOperation, _ mode: CodeMode) {
    let code = bytes(text)
    let expected = PrivilegedInstruction(operation: operation, length: UInt8(code.count))
    #expect(PrivilegedInstruction.decode(InstructionBytes(code), mode: mode) == .decoded(expected), "\(text)")
    let longer = code + [UInt8](repeating: 0x90, count: 15 - code.count)
    #expect(PrivilegedInstruction.decode(InstructionBytes(longer), mode: mode) == .decoded(expected), "\(text)")
    for count in 0..<code.count {
      let cut = InstructionBytes(Array(code.prefix(count)))
      #expect(PrivilegedInstruction.decode(cut, mode: mode) == .needMoreBytes, "\(text) cut to \(count)")
    }
    // LOCK is #UD on all of them, and by Xen's sequence being exact also on that.
    let locked = InstructionBytes([0xf0] + code)
    #expect(PrivilegedInstruction.decode(locked, mode: mode) == .invalid, "lock \(text)")
  }

  @Test func refusedEncodings() {
    let rows: [(String, CodeMode, DecodeResult<PrivilegedInstruction>)] = [
      ("0f 20 c8", .long, .invalid),  // cr1
      ("44 0f 20 c8", .long, .invalid),  // cr9
      ("44 0f 21 c0", .long, .invalid),  // dr8
      ("ce", .long, .invalid),  // into
      ("66 0f 01 d1", .long, .invalid),  // xsetbv takes no 66
      ("f3 0f 01 ca", .long, .invalid),
      ("0f 38 82 06", .long, .invalid),  // invpcid without 66
      ("66 0f 38 82 c6", .long, .invalid),  // invpcid with a register
      ("0f 01 f8", .compatibility32, .invalid),  // swapgs
      ("f3 0f ae c0", .compatibility32, .invalid),  // rdfsbase
      ("0f 0b", .long, .needMoreBytes),
      ("0f 0b 90", .long, .invalid),  // ud2 and something
      ("0f 0b 78 65 6e 0f 32", .long, .invalid),  // forced rdmsr: not in the ABI
      ("0f 0b 78 65 6e 66 0f a2", .long, .invalid),
      ("66 0f 0b 78 65 6e 0f a2", .long, .invalid),
      ("90", .long, .unsupported),
      ("0f 05", .long, .unsupported),  // syscall does not trap
      ("9c", .long, .unsupported),  // nor does pushf
      ("0f 00 e0", .long, .unsupported),  // nor does verr
      ("0f ae c0", .long, .unsupported),  // fxsave's group without F3
      ("", .long, .needMoreBytes),
    ]
    for (text, mode, expected) in rows {
      #expect(PrivilegedInstruction.decode(InstructionBytes(bytes(text)), mode: mode) == expected, "\(text)")
    }
  }

  @Test func theFifteenByteLimit() {
    // 13 prefixes and CPUID are 15 bytes; one more is too many.
    let fits = [UInt8](repeating: 0x66, count: 13) + [0x0f, 0xa2]
    let expected = PrivilegedInstruction(operation: .cpuid(isForced: false), length: 15)
    #expect(PrivilegedInstruction.decode(InstructionBytes(fits), mode: .long) == .decoded(expected))
    let over = [UInt8](repeating: 0x66, count: 14) + [0x0f, 0xa2]
    #expect(PrivilegedInstruction.decode(InstructionBytes(over), mode: .long) == .tooLong)
    #expect(
      PrivilegedInstruction.decode(InstructionBytes([UInt8](repeating: 0x66, count: 15)), mode: .long) == .tooLong)
    #expect(
      PrivilegedInstruction.decode(InstructionBytes([UInt8](repeating: 0x66, count: 14)), mode: .long)
        == .needMoreBytes)
  }

  @Test func stringPortsCountElements() throws {
    guard
      case .decoded(let instruction) = PrivilegedInstruction.decode(
        InstructionBytes(bytes("f3 66 6f")), mode: .long),
      case .stringOut(let access) = instruction.operation
    else {
      Issue.record("not OUTS")
      return
    }
    var registers = GeneralRegisters()
    registers[.rsi] = 0x1000
    registers[.rcx] = 2
    registers[.rdx] = 0x1_03f8
    #expect(PortAccess(immediatePort: nil, size: .byte).port(registers) == 0x3f8)
    #expect(!access.iteration.isExhausted(registers))
    #expect(!access.finishElement(&registers, []))
    #expect(registers[.rsi] == 0x1002 && registers[.rcx] == 1)
    #expect(access.finishElement(&registers, .direction))
    #expect(registers[.rsi] == 0x1000 && registers[.rcx] == 0)
    #expect(access.iteration.isExhausted(registers))
  }
}
