// SPDX-License-Identifier: Apache-2.0

// The HPET table (IA-PC HPET Specification 1.0a, section 3.2.4): where the high precision event timer's registers are.

/// A high precision event timer.
public struct EventTimer: Equatable {
  /// Physical address of its registers, page-aligned on all known machines.
  public let address: UInt64
  /// Its number.
  public let number: UInt8
  /// Comparators, 1...32.
  public let comparators: UInt8
  /// The counter has 64 bits.
  public let has64Bits: Bool
  /// It can take the place of the PIT and RTC interrupts.
  public let replacesLegacy: Bool

  /// Reads an HPET table; nil when it is too short or the registers are not in memory.
  public init?<Memory: PhysicalMemory & ~Copyable>(_ table: ACPITable, in memory: borrowing Memory) {
    guard let block = table.word32(36, memory),
      let register = ACPIRegister(at: 40, of: table, in: memory), register.space == .memory,
      let number = table.byte(52, memory)
    else { return nil }
    address = register.address
    self.number = number
    comparators = UInt8((block >> 8) & 0x1f) + 1
    has64Bits = block & (1 << 13) != 0
    replacesLegacy = block & (1 << 15) != 0
  }
}
