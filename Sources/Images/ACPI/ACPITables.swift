// SPDX-License-Identifier: Apache-2.0

// The list of all tables, from the XSDT, or from the RSDT where there is no valid XSDT.

/// The tables of a machine.
public struct ACPITables {
  /// The root pointer they were found from.
  public let rootPointer: ACPIRootPointer
  /// The valid tables in the root table's order. (The DSDT is not listed there; see `FixedDescription`.)
  public private(set) var tables = FixedList<64, ACPITable>(placeholder: .placeholder)
  /// Listed tables that are damaged or cannot be read.
  public private(set) var damaged = 0
  /// Valid tables that did not fit.
  public private(set) var dropped = 0

  /// Follows the root pointer.
  ///
  /// - Throws: `ACPIError.badRootTable`.
  public init<Memory: PhysicalMemory & ~Copyable>(
    _ rootPointer: ACPIRootPointer, in memory: borrowing Memory
  ) throws(ACPIError) {
    self.rootPointer = rootPointer
    if let root = ACPITable(at: rootPointer.xsdt, in: memory), root.signature == .rootTable64 {
      readList(root, entrySize: 8, in: memory)
    } else if let root = ACPITable(at: rootPointer.rsdt, in: memory), root.signature == .rootTable32 {
      readList(root, entrySize: 4, in: memory)
    } else {
      throw .badRootTable
    }
  }

  private mutating func readList<Memory: PhysicalMemory & ~Copyable>(
    _ root: ACPITable, entrySize: UInt64, in memory: borrowing Memory
  ) {
    // A hostile list could name one large table a million times, and each takes a checksum.
    let listed = min((root.length - ACPITable.headerSize) / entrySize, 256)
    for index in 0..<listed {
      let offset = ACPITable.headerSize + index * entrySize
      let pointer = entrySize == 8 ? root.word64(offset, memory) : root.word32(offset, memory).map { UInt64($0) }
      guard let pointer else { return }
      if pointer == 0 { continue }
      if let table = ACPITable(at: pointer, in: memory) {
        if !tables.append(table) { dropped += 1 }
      } else {
        damaged += 1
      }
    }
  }

  /// The first table of a name.
  public func first(_ signature: ACPISignature) -> ACPITable? {
    for index in tables.indices where tables[index].signature == signature { return tables[index] }
    return nil
  }
}
