// SPDX-License-Identifier: Apache-2.0
//
// The meaning of memory instructions, as pure functions of old memory value, registers and flags.

extension MemoryInstruction {
  /// Executes the instruction (one element of it when it repeats).
  ///
  /// - Parameters:
  ///   - memoryValue: the memory operand's contents when `readsMemory`; for MOVS those at `sourceAddress`.
  ///     Bits above `size` are ignored.
  ///   - registers: read and updated, partial writes as the CPU does them.
  ///   - flags: the status flags are read and updated; DF is read.
  /// - Returns: what to do to memory. Work on copies of `registers` and `flags` when the store can fail.
  public func execute(
    memoryValue: MemoryValue, registers: inout GeneralRegisters, flags: inout ProcessorFlags
  ) -> MemoryOutcome {
    let memory = memoryValue.low & size.mask
    switch operation {
    case .load, .loadZeroExtended:
      setOther(memory, &registers)
    case .loadSignExtended:
      setOther(size.signExtended(memory), &registers)
    case .store:
      return store(otherValue(registers))
    case .storeString, .moveString:
      return stringElement(memory, &registers, flags)
    case .exchange:
      let value = otherValue(registers)
      setOther(memory, &registers)
      return store(value)
    case .exchangeAdd:
      let sum = ArithmeticResult.adding(memory, otherValue(registers), carry: false, size)
      setOther(memory, &registers)
      flags.replace(.status, by: sum.flags)
      return store(sum.value)
    case .compareExchange:
      return compareExchange(memory, &registers, &flags)
    case .compareExchangePair:
      return compareExchangePair(memoryValue, &registers, &flags)
    case .bitTest, .bitTestSet, .bitTestReset, .bitTestComplement:
      return bitOperation(memory, registers, &flags)
    case .increment, .decrement:
      let result =
        operation == .increment
        ? ArithmeticResult.adding(memory, 1, carry: false, size)
        : ArithmeticResult.subtracting(memory, 1, borrow: false, size)
      // INC and DEC leave CF alone.
      flags.replace(.status.subtracting(.carry), by: result.flags)
      return store(result.value)
    case .not:
      return store(~memory)
    case .negate:
      let result = ArithmeticResult.subtracting(0, memory, borrow: false, size)
      flags.replace(.status, by: result.flags)
      return store(result.value)
    case .add, .or, .addWithCarry, .subtractWithBorrow, .and, .subtract, .xor, .compare, .test:
      return arithmetic(memory, &registers, &flags)
    }
    return MemoryOutcome(effect: .unchanged, isFinished: true)
  }

  private func store(_ value: UInt64) -> MemoryOutcome {
    MemoryOutcome(effect: .store(MemoryValue(value & size.mask)), isFinished: true)
  }

  /// The register or immediate operand at the memory operand's width.
  private func otherValue(_ registers: GeneralRegisters) -> UInt64 {
    switch other {
    case .none: 0
    case .register(let operand): registers.read(operand, size)
    case .immediate(let value): value & size.mask
    }
  }

  private func setOther(_ value: UInt64, _ registers: inout GeneralRegisters) {
    if case .register(let operand) = other { registers.write(value, to: operand, registerSize) }
  }

  /// ADD to CMP, and TEST, in both directions.
  private func arithmetic(
    _ memory: UInt64, _ registers: inout GeneralRegisters, _ flags: inout ProcessorFlags
  ) -> MemoryOutcome {
    let value = otherValue(registers)
    let left = memoryIsDestination ? memory : value
    let right = memoryIsDestination ? value : memory
    let carry = flags.contains(.carry)
    let result: ArithmeticResult
    switch operation {
    case .add: result = .adding(left, right, carry: false, size)
    case .addWithCarry: result = .adding(left, right, carry: carry, size)
    case .subtract, .compare: result = .subtracting(left, right, borrow: false, size)
    case .subtractWithBorrow: result = .subtracting(left, right, borrow: carry, size)
    case .or: result = .logical(left | right, size)
    case .xor: result = .logical(left ^ right, size)
    default: result = .logical(left & right, size)
    }
    flags.replace(.status, by: result.flags)
    if operation == .compare || operation == .test { return MemoryOutcome(effect: .unchanged, isFinished: true) }
    if memoryIsDestination { return store(result.value) }
    setOther(result.value, &registers)
    return MemoryOutcome(effect: .unchanged, isFinished: true)
  }

  /// CMPXCHG: flags as CMP of the accumulator with memory.
  private func compareExchange(
    _ memory: UInt64, _ registers: inout GeneralRegisters, _ flags: inout ProcessorFlags
  ) -> MemoryOutcome {
    let accumulator = registers.read(.rax, size)
    flags.replace(.status, by: ArithmeticResult.subtracting(accumulator, memory, borrow: false, size).flags)
    if accumulator == memory { return store(otherValue(registers)) }
    registers.write(memory, to: .rax, size)
    return MemoryOutcome(effect: .comparisonFailed, isFinished: true)
  }

  /// CMPXCHG8B and CMPXCHG16B: (R)DX:(R)AX against memory, (R)CX:(R)BX to it. Only ZF changes.
  private func compareExchangePair(
    _ memory: MemoryValue, _ registers: inout GeneralRegisters, _ flags: inout ProcessorFlags
  ) -> MemoryOutcome {
    let isWide = size == .doubleQuadword
    let half: OperandSize = isWide ? .quadword : .doubleword
    let low = memory.low & half.mask
    let high = isWide ? memory.high : memory.low >> 32
    if registers.read(.rax, half) == low && registers.read(.rdx, half) == high {
      flags.insert(.zero)
      let newLow = registers.read(.rbx, half)
      let newHigh = registers.read(.rcx, half)
      let value = isWide ? MemoryValue(newLow, high: newHigh) : MemoryValue(newLow | (newHigh << 32))
      return MemoryOutcome(effect: .store(value), isFinished: true)
    }
    flags.remove(.zero)
    registers.write(low, to: .rax, half)
    registers.write(high, to: .rdx, half)
    return MemoryOutcome(effect: .comparisonFailed, isFinished: true)
  }

  /// BT, BTS, BTR and BTC on the word that `effectiveAddress` selected. Only CF changes.
  private func bitOperation(
    _ memory: UInt64, _ registers: GeneralRegisters, _ flags: inout ProcessorFlags
  ) -> MemoryOutcome {
    let bit: UInt64 = 1 &<< (otherValue(registers) & (size.bitCount &- 1))
    if memory & bit != 0 { flags.insert(.carry) } else { flags.remove(.carry) }
    switch operation {
    case .bitTestSet: return store(memory | bit)
    case .bitTestReset: return store(memory & ~bit)
    case .bitTestComplement: return store(memory ^ bit)
    default: return MemoryOutcome(effect: .unchanged, isFinished: true)
    }
  }

  /// One element of STOS or MOVS; nothing at all when the count is already zero.
  private func stringElement(
    _ source: UInt64, _ registers: inout GeneralRegisters, _ flags: ProcessorFlags
  ) -> MemoryOutcome {
    if iteration.isExhausted(registers) { return MemoryOutcome(effect: .unchanged, isFinished: true) }
    let value = operation == .moveString ? source : registers.read(.rax, size)
    if operation == .moveString { iteration.advance(.rsi, size, &registers, flags) }
    iteration.advance(.rdi, size, &registers, flags)
    let isFinished = iteration.countDown(&registers)
    return MemoryOutcome(effect: .store(MemoryValue(value)), isFinished: isFinished)
  }
}
