// SPDX-License-Identifier: Apache-2.0

// One ACPI table in physical memory: header, length and checksum are checked before anything inside is read, and every
// read inside goes through here, relative to the table and within its length.

/// A table's four-letter name.
public struct ACPISignature: Equatable {
  /// The letters as a little-endian number.
  public let code: UInt32

  /// A signature from the number in memory.
  public init(code: UInt32) { self.code = code }

  /// RSDT, the root table with 32-bit addresses.
  static let rootTable32 = ACPISignature(code: 0x5444_5352)
  /// XSDT, the root table with 64-bit addresses.
  static let rootTable64 = ACPISignature(code: 0x5444_5358)
  /// FACP, the fixed description table (FADT).
  public static let fixedDescription = ACPISignature(code: 0x5043_4146)
  /// APIC, the interrupt controllers (MADT).
  public static let interruptControllers = ACPISignature(code: 0x4349_5041)
  /// HPET, the high precision event timer.
  public static let eventTimer = ACPISignature(code: 0x5445_5048)
}

/// Longest table accepted, in bytes. Byte code of large machines has a few hundred KiB.
private let tableLimit: UInt32 = 4 << 20

/// A table whose header, length and checksum are right.
public struct ACPITable: Equatable {
  /// Bytes of the header that all tables share.
  static let headerSize: UInt64 = 36

  /// Its name.
  public let signature: ACPISignature
  /// Physical address of its header.
  public let address: UInt64
  /// Bytes, the header included.
  public let length: UInt64
  /// The revision of its contents.
  public let revision: UInt8

  static var placeholder: ACPITable {
    ACPITable(signature: ACPISignature(code: 0), address: 0, length: 0, revision: 0)
  }

  private init(signature: ACPISignature, address: UInt64, length: UInt64, revision: UInt8) {
    self.signature = signature
    self.address = address
    self.length = length
    self.revision = revision
  }

  /// Reads and checks a table at a physical address; nil when there is none, or a damaged one.
  public init?<Memory: PhysicalMemory & ~Copyable>(at address: UInt64, in memory: borrowing Memory) {
    guard address != 0, address <= UInt64.max - UInt64(tableLimit),
      let signature = memory.word32(at: address), let length = memory.word32(at: address + 4),
      UInt64(length) >= Self.headerSize, length <= tableLimit, let revision = memory.byte(at: address + 8),
      memory.byteSum(at: address, length: UInt64(length)) == 0
    else { return nil }
    self.init(
      signature: ACPISignature(code: signature), address: address, length: UInt64(length), revision: revision)
  }

  /// The byte at an offset from the header, or nil outside the table.
  func byte<Memory: PhysicalMemory & ~Copyable>(_ offset: UInt64, _ memory: borrowing Memory) -> UInt8? {
    holds(offset, 1) ? memory.byte(at: address + offset) : nil
  }

  /// The 16-bit number at an offset, or nil outside the table.
  func word16<Memory: PhysicalMemory & ~Copyable>(_ offset: UInt64, _ memory: borrowing Memory) -> UInt16? {
    holds(offset, 2) ? memory.word16(at: address + offset) : nil
  }

  /// The 32-bit number at an offset, or nil outside the table.
  func word32<Memory: PhysicalMemory & ~Copyable>(_ offset: UInt64, _ memory: borrowing Memory) -> UInt32? {
    holds(offset, 4) ? memory.word32(at: address + offset) : nil
  }

  /// The 64-bit number at an offset, or nil outside the table.
  func word64<Memory: PhysicalMemory & ~Copyable>(_ offset: UInt64, _ memory: borrowing Memory) -> UInt64? {
    holds(offset, 8) ? memory.word64(at: address + offset) : nil
  }

  private func holds(_ offset: UInt64, _ size: UInt64) -> Bool { offset <= length && size <= length - offset }
}
