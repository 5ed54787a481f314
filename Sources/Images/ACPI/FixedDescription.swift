// SPDX-License-Identifier: Apache-2.0

// The FADT (ACPI 6.4, section 5.2.9): the fixed registers for power management, the reset register, and where the
// machine's byte code lies. Its 64-bit fields override the old ones where they are there and not zero.

/// A register in some address space. ABI: Generic Address Structure, ACPI 6.4 section 5.2.3.2.
public struct ACPIRegister: Equatable {
  /// Where the register is.
  public enum Space: UInt8 {
    /// Physical memory.
    case memory = 0
    /// I/O ports.
    case io = 1
    /// PCI configuration space of bus 0: device in bits 32...47, function in 16...31, offset in 0...15 of the address.
    case pciConfiguration = 2
  }

  /// Its space.
  public let space: Space
  /// Its width in bits.
  public let bitWidth: UInt8
  /// Its address; in I/O space at most 0xffff.
  public let address: UInt64

  /// A register block in I/O space of `length` bytes; nil for address 0, which means none, and outside the space.
  init?(port: UInt32, length: UInt8) {
    guard port != 0, port <= 0xffff else { return nil }
    space = .io
    bitWidth = length > 31 ? 255 : length * 8
    address = UInt64(port)
  }

  /// Reads a Generic Address Structure; nil when it is empty, outside the table, or of a space not listed here.
  init?<Memory: PhysicalMemory & ~Copyable>(at offset: UInt64, of table: ACPITable, in memory: borrowing Memory) {
    guard let code = table.byte(offset, memory), let space = Space(rawValue: code),
      let bitWidth = table.byte(offset + 1, memory), let address = table.word64(offset + 4, memory), address != 0
    else { return nil }
    if space == .io && address > 0xffff { return nil }
    self.space = space
    self.bitWidth = bitWidth
    self.address = address
  }
}

/// How to reset the machine.
public struct ACPIReset: Equatable {
  /// The register to write, 8 bits wide.
  public let register: ACPIRegister
  /// What to write.
  public let value: UInt8
}

/// The contents of a FADT.
public struct FixedDescription {
  /// Control register: sleep type in bits 10...12, sleep enable in bit 13, SCI enable in bit 0.
  public let controlA: ACPIRegister?
  /// The second control register, if any.
  public let controlB: ACPIRegister?
  /// The power management timer, 3.579545 MHz.
  public let timer: ACPIRegister?
  /// The timer counts 32 bits, not 24.
  public let timerHas32Bits: Bool
  /// The reset register, where its use is supported.
  public let reset: ACPIReset?

  /// Reads a FADT; nil when it is shorter than ACPI 1.0's.
  public init?<Memory: PhysicalMemory & ~Copyable>(_ table: ACPITable, in memory: borrowing Memory) {
    guard let flags = table.word32(112, memory), let controlLength = table.byte(89, memory),
      let timerLength = table.byte(91, memory)
    else { return nil }

    func block(_ extended: UInt64, _ old: UInt64, _ length: UInt8) -> ACPIRegister? {
      if let register = ACPIRegister(at: extended, of: table, in: memory) { return register }
      return table.word32(old, memory).flatMap { ACPIRegister(port: $0, length: length) }
    }
    controlA = block(172, 64, controlLength)
    controlB = block(184, 68, controlLength)
    timer = block(208, 76, timerLength)
    timerHas32Bits = flags & (1 << 8) != 0

    if flags & (1 << 10) != 0, let register = ACPIRegister(at: 116, of: table, in: memory),
      let value = table.byte(128, memory)
    {
      reset = ACPIReset(register: register, value: value)
    } else {
      reset = nil
    }
  }
}
