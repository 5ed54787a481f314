// SPDX-License-Identifier: Apache-2.0
//
// Decoding of privileged instructions. Encodings follow the opcode tables of the processor manuals; the forced
// emulation prefix is from the public header arch-x86/xen.h.

extension PrivilegedInstruction {
  /// Decodes the instruction at the start of `bytes`.
  ///
  /// - Returns: `.unsupported` for whatever does not trap in ring 3 and so is not ours; `.invalid` where the CPU raises
  ///   #UD, which includes UD2 itself and a forced emulation prefix in front of anything but CPUID; `.needMoreBytes`
  ///   also for a UD2 whose following bytes could not be fetched: after a #UD, treat that as an ordinary UD2.
  public static func decode(_ bytes: InstructionBytes, mode: CodeMode) -> DecodeResult<PrivilegedInstruction> {
    var reader = InstructionReader(bytes)
    let prefixes = Prefixes(&reader, mode)
    var result = operation(&reader, prefixes)
    // LOCK is refused on every instruction known here, whatever follows the opcode.
    if prefixes.hasLock, case .decoded = result { result = .invalid }
    return reader.settle(result.map { PrivilegedInstruction(operation: $0, length: reader.position) })
  }

  /// One-byte opcodes.
  private static func operation(
    _ reader: inout InstructionReader, _ prefixes: Prefixes
  ) -> DecodeResult<PrivilegedOperation> {
    let opcode = reader.next()
    switch opcode {
    case 0x0f: return extended(&reader, prefixes)
    case 0x6c, 0x6d: return .decoded(.stringIn(stringPort(opcode, prefixes, .rdi, .es)))
    case 0x6e, 0x6f: return .decoded(.stringOut(stringPort(opcode, prefixes, .rsi, prefixes.segment ?? .ds)))
    case 0xcc: return .decoded(.breakpoint)
    case 0xcd: return .decoded(.softwareInterrupt(reader.next()))
    case 0xce: return prefixes.mode == .long ? .invalid : .decoded(.overflow)
    case 0xcf: return .decoded(.interruptReturn(prefixes.operandSize))
    case 0xe4, 0xe5: return .decoded(.portIn(portAccess(opcode, prefixes, reader.next())))
    case 0xe6, 0xe7: return .decoded(.portOut(portAccess(opcode, prefixes, reader.next())))
    case 0xec, 0xed: return .decoded(.portIn(portAccess(opcode, prefixes, nil)))
    case 0xee, 0xef: return .decoded(.portOut(portAccess(opcode, prefixes, nil)))
    case 0xf1: return .decoded(.debugTrap)
    case 0xf4: return .decoded(.halt)
    case 0xfa: return .decoded(.disableInterrupts)
    case 0xfb: return .decoded(.enableInterrupts)
    default: return .unsupported
    }
  }

  /// Opcodes after 0F.
  private static func extended(
    _ reader: inout InstructionReader, _ prefixes: Prefixes
  ) -> DecodeResult<PrivilegedOperation> {
    let opcode = reader.next()
    switch opcode {
    case 0x00: return segmentGroup(&reader, prefixes)
    case 0x01: return systemGroup(&reader, prefixes)
    case 0x06: return .decoded(.clearTaskSwitched)
    case 0x07: return .decoded(.systemReturn(prefixes.isWide ? .quadword : .doubleword))
    case 0x08: return .decoded(.invalidateCaches)
    case 0x09: return .decoded(.writeBackCaches)
    case 0x0b: return forcedEmulation(&reader)
    case 0x20...0x23: return controlOrDebug(opcode, &reader, prefixes)
    case 0x30: return .decoded(.writeMSR)
    case 0x31: return .decoded(.readTimeStamp)
    case 0x32: return .decoded(.readMSR)
    case 0x33: return .decoded(.readPerformanceCounter)
    case 0x34: return .decoded(.systemEnter)
    case 0x35: return .decoded(.systemExit(prefixes.isWide ? .quadword : .doubleword))
    case 0x38: return invalidatePCID(&reader, prefixes)
    case 0xa2: return .decoded(.cpuid(isForced: false))
    case 0xae: return segmentBase(&reader, prefixes)
    default: return .unsupported
    }
  }

  /// UD2 (0F 0B), which followed by the letters "xen" announces CPUID (`XEN_EMULATE_PREFIX`).
  private static func forcedEmulation(_ reader: inout InstructionReader) -> DecodeResult<PrivilegedOperation> {
    // A byte that differs ends the search at once, so that a plain UD2 is known as soon as it can be.
    // The sequence is an exact one: no prefixes before it or inside it.
    guard reader.position == 2 else { return .invalid }
    guard reader.next() == 0x78, reader.next() == 0x65, reader.next() == 0x6e else { return .invalid }
    guard reader.next() == 0x0f, reader.next() == 0xa2 else { return .invalid }
    return .decoded(.cpuid(isForced: true))
  }

  /// MOV to and from control and debug registers. The ModRM mode bits are ignored: the operand is always a register.
  private static func controlOrDebug(
    _ opcode: UInt8, _ reader: inout InstructionReader, _ prefixes: Prefixes
  ) -> DecodeResult<PrivilegedOperation> {
    let modRM = ModRM(&reader, prefixes)
    let register = GeneralRegister(encoding: modRM.operandRegister)
    let size = prefixes.nativeSize
    if opcode & 1 == 0 {
      guard let control = ControlRegister(rawValue: modRM.register) else { return .invalid }
      return .decoded(
        opcode == 0x20 ? .readControl(control, into: register, size) : .writeControl(control, from: register, size))
    }
    guard modRM.register < 8 else { return .invalid }
    return .decoded(
      opcode == 0x21
        ? .readDebug(modRM.register, into: register, size) : .writeDebug(modRM.register, from: register, size))
  }

  /// INVPCID (66 0F 38 82).
  private static func invalidatePCID(
    _ reader: inout InstructionReader, _ prefixes: Prefixes
  ) -> DecodeResult<PrivilegedOperation> {
    guard reader.next() == 0x82 else { return .unsupported }
    let modRM = ModRM(&reader, prefixes)
    guard prefixes.hasOperandSize, prefixes.repetition == .none, !modRM.isRegister else { return .invalid }
    let type = GeneralRegister(encoding: modRM.register)
    return .decoded(.invalidatePCID(type: type, prefixes.nativeSize, modRM.address(&reader)))
  }

  /// RDFSBASE, RDGSBASE, WRFSBASE and WRGSBASE (F3 0F AE /0 to /3, register form, long mode).
  private static func segmentBase(
    _ reader: inout InstructionReader, _ prefixes: Prefixes
  ) -> DecodeResult<PrivilegedOperation> {
    let modRM = ModRM(&reader, prefixes)
    guard modRM.isRegister, modRM.group < 4, prefixes.repetition == .whileEqual else { return .unsupported }
    guard prefixes.mode == .long else { return .invalid }
    let segment: SegmentRegister = modRM.group & 1 == 0 ? .fs : .gs
    let register = GeneralRegister(encoding: modRM.operandRegister)
    let size: OperandSize = prefixes.isWide ? .quadword : .doubleword
    return .decoded(
      modRM.group < 2
        ? .readSegmentBase(segment, into: register, size) : .writeSegmentBase(segment, from: register, size))
  }

  private static func portAccess(_ opcode: UInt8, _ prefixes: Prefixes, _ port: UInt8?) -> PortAccess {
    PortAccess(immediatePort: port, size: opcode & 1 == 0 ? .byte : prefixes.portSize)
  }

  private static func stringPort(
    _ opcode: UInt8, _ prefixes: Prefixes, _ index: GeneralRegister, _ segment: SegmentRegister
  ) -> StringPortAccess {
    StringPortAccess(
      size: opcode & 1 == 0 ? .byte : prefixes.portSize,
      address: AddressExpression(segment, base: index, size: prefixes.addressSize, mode: prefixes.mode),
      iteration: StringIteration(addressSize: prefixes.addressSize, repeats: prefixes.repetition != .none))
  }
}
