// SPDX-License-Identifier: Apache-2.0
//
// The counting part of string instructions: how RSI, RDI and RCX move after one element. Emulators do one element at a
// time, so that a long REP never holds the CPU and an element that faults leaves the registers at itself.

/// The width of the index registers and whether an instruction repeats.
public struct StringIteration: Equatable, Sendable {
  /// The width of RSI, RDI and RCX as this instruction uses them.
  public let addressSize: OperandSize
  /// True under REP (F3, or F2 where it means the same).
  public let repeats: Bool

  /// True when there is nothing to do: it repeats and the count is zero. Ask before touching memory or ports.
  public func isExhausted(_ registers: GeneralRegisters) -> Bool {
    repeats && registers.read(.rcx, addressSize) == 0
  }

  /// Moves `register` to the next element of `size`: down when DF is set, up otherwise.
  public func advance(
    _ register: GeneralRegister, _ size: OperandSize, _ registers: inout GeneralRegisters, _ flags: ProcessorFlags
  ) {
    let value = registers[register]
    let moved = flags.contains(.direction) ? value &- size.byteCount : value &+ size.byteCount
    registers.write(moved, to: register, addressSize)
  }

  /// Counts one element done.
  ///
  /// - Returns: true when the instruction is finished and RIP should move on; false when it has to run again.
  public func countDown(_ registers: inout GeneralRegisters) -> Bool {
    guard repeats else { return true }
    registers.write(registers[.rcx] &- 1, to: .rcx, addressSize)
    return registers.read(.rcx, addressSize) == 0
  }
}
