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
  /// The values for switching off, from the byte code.
  public let softOff: SoftOff?
  /// From the HPET table.
  public let eventTimer: EventTimer?
  /// From the MCFG table.
  public let configurationSpace: ConfigurationSpace?

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
    var off: SoftOff?
    var timer: EventTimer?
    var space: ConfigurationSpace?
    if let table = tables.first(.interruptControllers) { controllers = InterruptControllers(table, in: memory) }
    if let table = tables.first(.fixedDescription) { fixed = FixedDescription(table, in: memory) }
    if let fixed { off = SoftOff.find(mainCode: fixed.mainCode, tables: tables, in: memory) }
    if let table = tables.first(.eventTimer) { timer = EventTimer(table, in: memory) }
    if let table = tables.first(.configurationSpace) { space = ConfigurationSpace(table, in: memory) }
    self.tables = tables
    interruptControllers = controllers
    fixedDescription = fixed
    softOff = off
    eventTimer = timer
    configurationSpace = space
  }
}
