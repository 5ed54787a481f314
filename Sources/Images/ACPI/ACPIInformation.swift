// SPDX-License-Identifier: Apache-2.0

// One call that reads all that the hypervisor wants to know from ACPI.

/// What ACPI says about the machine. A part is nil when its table is missing or damaged.
public struct ACPIInformation {
  /// The tables themselves.
  public let tables: ACPITables
  /// CPUs and interrupt controllers, from the MADT.
  public let interruptControllers: InterruptControllers?
  /// Power management registers, from the FADT.
  public let fixedDescription: FixedDescription?
  /// From the HPET table.
  public let eventTimer: EventTimer?

  /// Reads everything.
  ///
  /// - Parameters:
  ///   - memory: where to read.
  ///   - rootPointer: `BootInformation.rootPointer`.
  /// - Throws: `ACPIError`.
  public init<Memory: PhysicalMemory & ~Copyable>(
    from memory: borrowing Memory, rootPointer: PhysicalRange? = nil
  ) throws(ACPIError) {
    let tables = try ACPITables(try ACPIRootPointer.find(in: memory, copy: rootPointer), in: memory)
    var controllers: InterruptControllers?
    var fixed: FixedDescription?
    var timer: EventTimer?
    if let table = tables.first(.interruptControllers) { controllers = InterruptControllers(table, in: memory) }
    if let table = tables.first(.fixedDescription) { fixed = FixedDescription(table, in: memory) }
    if let table = tables.first(.eventTimer) { timer = EventTimer(table, in: memory) }
    self.tables = tables
    interruptControllers = controllers
    fixedDescription = fixed
    eventTimer = timer
  }
}
