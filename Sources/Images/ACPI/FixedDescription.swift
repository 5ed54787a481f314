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
  /// The interrupt for power management events (an ISA number on machines with 8259s, else a global interrupt).
  public let sciInterrupt: UInt16
  /// The port and values that switch between firmware and operating system control; nil when it is always ours.
  public let smiCommandPort: UInt16?
  /// Written to the port to enable ACPI.
  public let enableValue: UInt8
  /// Written to the port to disable ACPI.
  public let disableValue: UInt8
  /// Event registers (status, then enable, each half of the width).
  public let eventA: ACPIRegister?
  /// The second set of event registers, if any.
  public let eventB: ACPIRegister?
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
  /// There is no legacy hardware: the fixed registers above are replaced by `sleepControl` and `sleepStatus`.
  public let isHardwareReduced: Bool
  /// Sleep control register of hardware-reduced machines.
  public let sleepControl: ACPIRegister?
  /// Sleep status register of hardware-reduced machines.
  public let sleepStatus: ACPIRegister?
  /// IAPC_BOOT_ARCH: bit 0 legacy devices, 1 8042, 2 no VGA, 3 no MSI, 4 no ASPM, 5 no CMOS clock. Zero when absent.
  public let bootFlags: UInt16
  /// Physical address of the FACS (firmware control structure), or 0.
  public let firmwareControl: UInt64
  /// Physical address of the DSDT.
  public let mainCode: UInt64

  /// Reads a FADT; nil when it is shorter than ACPI 1.0's.
  public init?<Memory: PhysicalMemory & ~Copyable>(_ table: ACPITable, in memory: borrowing Memory) {
    guard let sci = table.word16(46, memory), let smi = table.word32(48, memory), let enable = table.byte(52, memory),
      let disable = table.byte(53, memory), let flags = table.word32(112, memory),
      let firmware = table.word32(36, memory), let code = table.word32(40, memory),
      let eventLength = table.byte(88, memory), let controlLength = table.byte(89, memory),
      let timerLength = table.byte(91, memory)
    else { return nil }
    sciInterrupt = sci
    smiCommandPort = smi == 0 ? nil : UInt16(exactly: smi)
    enableValue = enable
    disableValue = disable

    func block(_ extended: UInt64, _ old: UInt64, _ length: UInt8) -> ACPIRegister? {
      if let register = ACPIRegister(at: extended, of: table, in: memory) { return register }
      return table.word32(old, memory).flatMap { ACPIRegister(port: $0, length: length) }
    }
    eventA = block(148, 56, eventLength)
    eventB = block(160, 60, eventLength)
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
    isHardwareReduced = flags & (1 << 20) != 0
    sleepControl = ACPIRegister(at: 244, of: table, in: memory)
    sleepStatus = ACPIRegister(at: 256, of: table, in: memory)
    bootFlags = table.revision >= 2 ? table.word16(109, memory) ?? 0 : 0
    firmwareControl = Self.pointer(table.word64(132, memory), UInt64(firmware))
    mainCode = Self.pointer(table.word64(140, memory), UInt64(code))
  }

  /// The 64-bit pointer where it is there and set, else the old one.
  private static func pointer(_ extended: UInt64?, _ old: UInt64) -> UInt64 {
    if let extended, extended != 0 { return extended }
    return old
  }
}
