// SPDX-License-Identifier: Apache-2.0

// The values that switch the machine off. They stand in the byte code as the package \_S5_, nearly always as literal
// numbers; finding that one definition in the bytes avoids an interpreter. (Domain 0, which has one, normally does this
// itself.)

/// The sleep type values of the state S5, soft off.
public struct SoftOff: Equatable {
  /// For `FixedDescription.controlA`, 0...7.
  public let typeA: UInt8
  /// For `FixedDescription.controlB`, 0...7.
  public let typeB: UInt8

  /// Values known from elsewhere.
  init(typeA: UInt8, typeB: UInt8) {
    self.typeA = typeA
    self.typeB = typeB
  }

  /// Looks for the package in the DSDT and the SSDTs.
  public static func find<Memory: PhysicalMemory & ~Copyable>(
    mainCode: UInt64, tables: ACPITables, in memory: borrowing Memory
  ) -> SoftOff? {
    if let table = ACPITable(at: mainCode, in: memory), table.signature == .mainCode,
      let found = find(in: table, memory)
    {
      return found
    }
    for index in tables.tables.indices where tables.tables[index].signature == .furtherCode {
      if let found = find(in: tables.tables[index], memory) { return found }
    }
    return nil
  }

  /// Looks for `Name (_S5, Package () {a, b, ...})` in a table of byte code (ACPI 6.4, section 20.2).
  static func find<Memory: PhysicalMemory & ~Copyable>(in table: ACPITable, _ memory: borrowing Memory) -> SoftOff? {
    var offset = ACPITable.headerSize
    while let name = table.word32(offset, memory) {
      if name == 0x5f35_535f, isNamed(at: offset, table, memory),  // "_S5_"
        let found = SoftOff(package: offset + 4, of: table, in: memory)
      {
        return found
      }
      offset += 1
    }
    return nil
  }

  /// True when NameOp, with or without a root prefix, stands before the name; else the bytes are a use, or chance.
  private static func isNamed<Memory: PhysicalMemory & ~Copyable>(
    at offset: UInt64, _ table: ACPITable, _ memory: borrowing Memory
  ) -> Bool {
    let before = table.byte(offset - 1, memory)
    if before == 0x08 { return true }  // NameOp
    return before == 0x5c && table.byte(offset - 2, memory) == 0x08  // RootChar
  }

  /// Reads the first two numbers of a package.
  private init?<Memory: PhysicalMemory & ~Copyable>(
    package start: UInt64, of table: ACPITable, in memory: borrowing Memory
  ) {
    guard table.byte(start, memory) == 0x12, let lead = table.byte(start + 1, memory) else { return nil }  // PackageOp
    // The top two bits of the package length say how many more bytes it has; then comes the number of elements.
    let elements = start + 2 + UInt64(lead >> 6)
    guard let count = table.byte(elements, memory), count >= 1 else { return nil }
    guard let first = Self.number(at: elements + 1, of: table, in: memory), first.value < 8 else { return nil }
    typeA = first.value
    if count >= 2, let second = Self.number(at: first.next, of: table, in: memory), second.value < 8 {
      typeB = second.value
    } else {
      typeB = 0
    }
  }

  /// A literal number: its lowest byte, and the offset after it.
  private static func number<Memory: PhysicalMemory & ~Copyable>(
    at offset: UInt64, of table: ACPITable, in memory: borrowing Memory
  ) -> (value: UInt8, next: UInt64)? {
    switch table.byte(offset, memory) {
    case 0x00: (0, offset + 1)  // ZeroOp
    case 0x01: (1, offset + 1)  // OneOp
    case 0x0a: table.byte(offset + 1, memory).map { ($0, offset + 2) }  // BytePrefix
    case 0x0b: table.byte(offset + 1, memory).map { ($0, offset + 3) }  // WordPrefix
    case 0x0c: table.byte(offset + 1, memory).map { ($0, offset + 5) }  // DWordPrefix
    default: nil
    }
  }
}
