// SPDX-License-Identifier: Apache-2.0
//
// What executing a memory instruction asks of its caller.

/// The contents of a memory operand, little-endian, up to 16 bytes.
public struct MemoryValue: Equatable, Sendable {
  /// Bytes 0 to 7.
  public var low: UInt64
  /// Bytes 8 to 15; zero unless the operand is 16 bytes.
  public var high: UInt64

  /// A value of up to 16 bytes.
  public init(_ low: UInt64, high: UInt64 = 0) {
    self.low = low
    self.high = high
  }
}

/// The result of executing one instruction, or one element of a repeated one.
public struct MemoryOutcome: Equatable, Sendable {
  /// What happens to the memory operand.
  public enum Effect: Equatable, Sendable {
    /// Write this, at the instruction's size. When the old value was read first (`readsMemory`), write it by an atomic
    /// compare-and-exchange against the value given to `execute`, and on a mismatch start again from the registers
    /// before.
    case store(MemoryValue)
    /// Memory stays as it is.
    case unchanged
    /// CMPXCHG found another value: memory stays, the accumulator and ZF are already set.
    case comparisonFailed
  }

  /// What happens to memory.
  public let effect: Effect
  /// True when RIP moves to the next instruction; false when a repeated instruction has elements left.
  public let isFinished: Bool
}
