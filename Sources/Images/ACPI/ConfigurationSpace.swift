// SPDX-License-Identifier: Apache-2.0

// The MCFG table (PCI Firmware Specification 3.3, section 4.1.2): where PCI Express configuration space is in memory.

/// Configuration space of a range of buses.
public struct ConfigurationSegment: Equatable {
  /// Physical address for bus 0 of the segment; bus b starts b MiB further.
  public let baseAddress: UInt64
  /// PCI segment (domain).
  public let segment: UInt16
  /// First bus.
  public let firstBus: UInt8
  /// Last bus, at least the first.
  public let lastBus: UInt8

  /// The memory of the listed buses.
  public var range: PhysicalRange {
    PhysicalRange(
      start: baseAddress + UInt64(firstBus) << 20, length: (UInt64(lastBus) - UInt64(firstBus) + 1) << 20)
  }
}

/// The contents of an MCFG.
public struct ConfigurationSpace {
  /// The segments.
  public private(set) var segments = FixedList<16, ConfigurationSegment>(
    placeholder: ConfigurationSegment(baseAddress: 0, segment: 0, firstBus: 0, lastBus: 0))

  /// Reads an MCFG; entries that contradict themselves are left out.
  public init<Memory: PhysicalMemory & ~Copyable>(_ table: ACPITable, in memory: borrowing Memory) {
    var offset: UInt64 = 44
    while let base = table.word64(offset, memory), let segment = table.word16(offset + 8, memory),
      let first = table.byte(offset + 10, memory), let last = table.byte(offset + 11, memory)
    {
      offset += 16
      // No address space has room for 256 MiB above this.
      guard first <= last, base != 0, base & 0xfffff == 0, base < 1 << 52 else { continue }
      segments.append(ConfigurationSegment(baseAddress: base, segment: segment, firstBus: first, lastBus: last))
    }
  }
}
