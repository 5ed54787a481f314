// SPDX-License-Identifier: Apache-2.0
//
// Instructions with a memory operand, as values: what a guest did to a page that it may not touch directly (a live page
// table, a configuration window). The value is small and holds no guest state, so one decode serves every retry of the
// compare-and-exchange that finally carries the change out.

/// What a memory instruction does with its memory operand.
public enum MemoryOperation: UInt8, Sendable {
  /// MOV from memory.
  case load
  /// MOV to memory, and MOVNTI.
  case store
  /// MOVZX.
  case loadZeroExtended
  /// MOVSX and MOVSXD.
  case loadSignExtended
  /// STOS: the accumulator to ES:[RDI].
  case storeString
  /// MOVS: segment:[RSI] to ES:[RDI].
  case moveString
  /// XCHG.
  case exchange
  /// XADD.
  case exchangeAdd
  /// CMPXCHG.
  case compareExchange
  /// CMPXCHG8B and CMPXCHG16B.
  case compareExchangePair
  // The arithmetic group, in encoding order.
  case add, or, addWithCarry, subtractWithBorrow, and, subtract, xor, compare
  /// TEST.
  case test
  case increment, decrement, not, negate
  // The bit group, in encoding order: BT, BTS, BTR, BTC.
  case bitTest, bitTestSet, bitTestReset, bitTestComplement

  /// ADD to CMP by the number in bits 3 to 5 of their opcodes.
  static func arithmetic(_ group: UInt8) -> MemoryOperation {
    switch group & 7 {
    case 0: .add
    case 1: .or
    case 2: .addWithCarry
    case 3: .subtractWithBorrow
    case 4: .and
    case 5: .subtract
    case 6: .xor
    default: .compare
    }
  }

  /// BT to BTC by the low two bits of their group number.
  static func bit(_ group: UInt8) -> MemoryOperation {
    switch group & 3 {
    case 0: .bitTest
    case 1: .bitTestSet
    case 2: .bitTestReset
    default: .bitTestComplement
    }
  }

  /// True for BT, BTS, BTR and BTC.
  var isBitOperation: Bool { rawValue >= MemoryOperation.bitTest.rawValue }
}

/// The operand of a memory instruction that is not its memory operand.
public enum OtherOperand: Equatable, Sendable {
  /// None, or fixed by the operation (the accumulator of STOS, EDX:EAX of CMPXCHG8B).
  case none
  case register(RegisterOperand)
  /// Sign-extended to 64 bits.
  case immediate(UInt64)
}

/// One decoded instruction with a memory operand.
public struct MemoryInstruction: Equatable, Sendable {
  /// What it does.
  public let operation: MemoryOperation
  /// The width of the memory operand.
  public let size: OperandSize
  /// The width of the register that MOVZX, MOVSX and MOVSXD write; `size` for all others.
  public let registerSize: OperandSize
  /// The operand that is not memory.
  public let other: OtherOperand
  /// True when the result goes to memory; false for loads and for `add %mem,%reg` and its like. CMP, TEST and BT never
  /// write, whatever this says; see `writesMemory`.
  public let memoryIsDestination: Bool
  /// True with LOCK, and for XCHG, which locks by itself.
  public let isLocked: Bool
  /// Repetition and index width; `repeats` is false for all but STOS and MOVS.
  public let iteration: StringIteration
  /// Length in bytes, prefixes included.
  public let length: UInt8
  /// The memory operand: for STOS and MOVS the destination. Without the displacement that a register bit offset adds;
  /// use `effectiveAddress(registers:nextInstruction:segments:)`.
  public let address: AddressExpression
  /// The segment that MOVS reads from; meaningless otherwise.
  let sourceSegment: SegmentRegister

  /// True when the instruction needs write access to its memory operand. CMPXCHG does, even when the comparison fails.
  public var writesMemory: Bool {
    switch operation {
    case .load, .loadZeroExtended, .loadSignExtended, .compare, .test, .bitTest: false
    default: memoryIsDestination
    }
  }

  /// True when the memory operand's old value matters to the result, so that it has to be read first. MOVS reads its
  /// source instead.
  public var readsMemory: Bool {
    switch operation {
    case .store, .storeString, .moveString: false
    default: true
    }
  }

  /// True for CMPXCHG16B, which raises #GP(0) on an operand that is not 16-byte aligned.
  public var requiresAlignment: Bool { size == .doubleQuadword }
}
