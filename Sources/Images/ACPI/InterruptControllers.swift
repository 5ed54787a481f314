// SPDX-License-Identifier: Apache-2.0

// The MADT (ACPI 6.4, section 5.2.12): which CPUs there are, which I/O APICs, and how the sixteen interrupts of the old
// PC are wired to them.

/// A CPU as the MADT lists it.
public struct ProcessorEntry: Equatable {
  /// The firmware's number for the CPU (ACPI processor UID).
  public let processorID: UInt32
  /// The local APIC's or x2APIC's number.
  public let apicID: UInt32
  /// The CPU can be used now.
  public let isEnabled: Bool
  /// The CPU is not there now, but could be added while running.
  public let isOnlineCapable: Bool
}

/// An I/O APIC.
public struct IOAPICEntry: Equatable {
  /// Its number.
  public let id: UInt8
  /// Physical address of its registers.
  public let address: UInt64
  /// The global system interrupt of its first pin.
  public let firstInterrupt: UInt32
}

/// Signal polarity or trigger mode, when they deviate from the bus.
public enum InterruptPolarity {
  /// As the bus has it (ISA: active high).
  case bus
  /// Active high.
  case high
  /// Active low.
  case low
}

/// Trigger mode.
public enum InterruptTrigger {
  /// As the bus has it (ISA: edge).
  case bus
  /// Edge-triggered.
  case edge
  /// Level-triggered.
  case level
}

/// The MPS INTI flags of two MADT structures.
public struct InterruptSignal: Equatable {
  /// Bits 0 and 1.
  public let polarity: InterruptPolarity
  /// Bits 2 and 3.
  public let trigger: InterruptTrigger

  init(flags: UInt16) {
    polarity = flags & 3 == 1 ? .high : flags & 3 == 3 ? .low : .bus
    trigger = (flags >> 2) & 3 == 1 ? .edge : (flags >> 2) & 3 == 3 ? .level : .bus
  }
}

/// An ISA interrupt that does not arrive at the global interrupt of its own number, or not in ISA's way.
public struct InterruptOverride: Equatable {
  /// The ISA interrupt, 0...15.
  public let source: UInt8
  /// Where it arrives.
  public let globalInterrupt: UInt32
  /// How it is signalled.
  public let signal: InterruptSignal
}

/// A local interrupt input to be set up for NMI.
public struct LocalNMI: Equatable {
  /// The CPU by its firmware number; nil for all CPUs.
  public let processorID: UInt32?
  /// The local input, 0 or 1.
  public let input: UInt8
  /// How it is signalled.
  public let signal: InterruptSignal
}

/// The contents of a MADT.
public struct InterruptControllers {
  /// Physical address of the local APICs' registers.
  public private(set) var localAPICAddress: UInt64 = 0xfee0_0000
  /// There are also two 8259 controllers, to be masked.
  public private(set) var hasLegacyControllers = false
  /// The CPUs that are enabled or could become so, in table order, each APIC number once.
  public private(set) var processors = FixedList<256, ProcessorEntry>(
    placeholder: ProcessorEntry(processorID: 0, apicID: 0, isEnabled: false, isOnlineCapable: false))
  /// The I/O APICs.
  public private(set) var ioAPICs = FixedList<16, IOAPICEntry>(
    placeholder: IOAPICEntry(id: 0, address: 0, firstInterrupt: 0))
  /// The interrupt overrides.
  public private(set) var overrides = FixedList<24, InterruptOverride>(
    placeholder: InterruptOverride(source: 0, globalInterrupt: 0, signal: InterruptSignal(flags: 0)))
  /// The local NMI inputs.
  public private(set) var localNMIs = FixedList<32, LocalNMI>(
    placeholder: LocalNMI(processorID: nil, input: 0, signal: InterruptSignal(flags: 0)))
  /// Entries that did not fit, of any kind.
  public private(set) var dropped = 0

  /// Reads a MADT. A malformed entry ends the reading; what came before it counts.
  public init<Memory: PhysicalMemory & ~Copyable>(_ table: ACPITable, in memory: borrowing Memory) {
    if let address = table.word32(36, memory) { localAPICAddress = UInt64(address) }
    if let flags = table.word32(40, memory) { hasLegacyControllers = flags & 1 != 0 }
    var offset: UInt64 = 44
    while let type = table.byte(offset, memory), let size = table.byte(offset + 1, memory) {
      guard size >= 2, UInt64(size) <= table.length - offset else { return }
      read(type, size, at: offset, of: table, in: memory)
      offset += UInt64(size)
    }
  }

  private mutating func read<Memory: PhysicalMemory & ~Copyable>(
    _ type: UInt8, _ size: UInt8, at offset: UInt64, of table: ACPITable, in memory: borrowing Memory
  ) {
    switch (type, size) {
    case (0, 8...):  // Processor Local APIC
      guard let processor = table.byte(offset + 2, memory), let apic = table.byte(offset + 3, memory),
        let flags = table.word32(offset + 4, memory)
      else { return }
      if apic != 0xff { addProcessor(UInt32(processor), UInt32(apic), flags) }
    case (1, 12...):  // I/O APIC
      guard let id = table.byte(offset + 2, memory), let address = table.word32(offset + 4, memory),
        let first = table.word32(offset + 8, memory)
      else { return }
      count(ioAPICs.append(IOAPICEntry(id: id, address: UInt64(address), firstInterrupt: first)))
    case (2, 10...):  // Interrupt Source Override
      guard let bus = table.byte(offset + 2, memory), bus == 0, let source = table.byte(offset + 3, memory),
        source < 16,
        let global = table.word32(offset + 4, memory), let flags = table.word16(offset + 8, memory)
      else { return }
      let signal = InterruptSignal(flags: flags)
      count(overrides.append(InterruptOverride(source: source, globalInterrupt: global, signal: signal)))
    case (4, 6...):  // Local APIC NMI
      guard let processor = table.byte(offset + 2, memory), let flags = table.word16(offset + 3, memory),
        let input = table.byte(offset + 5, memory), input < 2
      else { return }
      let id: UInt32? = processor == 0xff ? nil : UInt32(processor)
      count(localNMIs.append(LocalNMI(processorID: id, input: input, signal: InterruptSignal(flags: flags))))
    case (5, 12...):  // Local APIC Address Override
      if let address = table.word64(offset + 4, memory) { localAPICAddress = address }
    case (9, 16...):  // Processor Local x2APIC
      guard let apic = table.word32(offset + 4, memory), let flags = table.word32(offset + 8, memory),
        let processor = table.word32(offset + 12, memory)
      else { return }
      if apic != 0xffff_ffff { addProcessor(processor, apic, flags) }
    case (10, 12...):  // Local x2APIC NMI
      guard let flags = table.word16(offset + 2, memory), let processor = table.word32(offset + 4, memory),
        let input = table.byte(offset + 8, memory), input < 2
      else { return }
      let id: UInt32? = processor == 0xffff_ffff ? nil : processor
      count(localNMIs.append(LocalNMI(processorID: id, input: input, signal: InterruptSignal(flags: flags))))
    default:
      break
    }
  }

  private mutating func addProcessor(_ processorID: UInt32, _ apicID: UInt32, _ flags: UInt32) {
    let isEnabled = flags & 1 != 0
    let isOnlineCapable = flags & 2 != 0
    guard isEnabled || isOnlineCapable else { return }
    for index in processors.indices where processors[index].apicID == apicID { return }
    count(
      processors.append(
        ProcessorEntry(
          processorID: processorID, apicID: apicID, isEnabled: isEnabled, isOnlineCapable: isOnlineCapable)))
  }

  private mutating func count(_ fitted: Bool) {
    if !fitted { dropped += 1 }
  }

  /// Where an ISA interrupt arrives, with or without an override.
  public func globalInterrupt(forISA source: UInt8) -> InterruptOverride {
    for index in overrides.indices where overrides[index].source == source { return overrides[index] }
    return InterruptOverride(source: source, globalInterrupt: UInt32(source), signal: InterruptSignal(flags: 0))
  }
}
