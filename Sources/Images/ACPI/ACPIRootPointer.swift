// SPDX-License-Identifier: Apache-2.0

// Finding the root of the ACPI tables (ACPI 6.4, section 5.2.5): from the boot loader's copy, or as the BIOS leaves it,
// on a 16-byte boundary in the first KiB of the extended BIOS data area or between 0xe0000 and 0xfffff.

/// "RSD PTR " as a little-endian number.
private let signature: UInt64 = 0x2052_5450_2044_5352
/// Where the BIOS keeps the segment of its extended data area.
private let extendedDataSegment: UInt64 = 0x40e

/// The contents of a Root System Description Pointer.
public struct ACPIRootPointer: Equatable {
  /// Physical address of the structure itself.
  public let address: UInt64
  /// 0 for ACPI 1.0, 2 from ACPI 2.0 on.
  public let revision: UInt8
  /// Physical address of the RSDT, or 0.
  public let rsdt: UInt64
  /// Physical address of the XSDT, or 0.
  public let xsdt: UInt64

  /// Reads and checks a root pointer at a physical address; nil when there is none, or a damaged one.
  public init?<Memory: PhysicalMemory & ~Copyable>(at address: UInt64, in memory: borrowing Memory) {
    guard address <= UInt64.max - 64, memory.word64(at: address) == signature,
      memory.byteSum(at: address, length: 20) == 0,
      let revision = memory.byte(at: address + 15), let rsdt = memory.word32(at: address + 16)
    else { return nil }
    var xsdt: UInt64 = 0
    if revision >= 2 {
      // The second checksum covers the longer structure.
      guard let length = memory.word32(at: address + 20), length >= 36, length <= 4096,
        memory.byteSum(at: address, length: UInt64(length)) == 0, let pointer = memory.word64(at: address + 24)
      else { return nil }
      xsdt = pointer
    }
    self.address = address
    self.revision = revision
    self.rsdt = UInt64(rsdt)
    self.xsdt = xsdt
  }

  /// Finds the root pointer.
  ///
  /// - Parameters:
  ///   - memory: where to read.
  ///   - copy: `BootInformation.rootPointer`, looked at first.
  /// - Throws: `ACPIError.noRootPointer`.
  public static func find<Memory: PhysicalMemory & ~Copyable>(
    in memory: borrowing Memory, copy: PhysicalRange? = nil
  ) throws(ACPIError) -> ACPIRootPointer {
    if let copy, let found = ACPIRootPointer(at: copy.start, in: memory) { return found }
    if let segment = memory.word16(at: extendedDataSegment) {
      let area = UInt64(segment) << 4
      if area >= 0x400, area < 0xa0000, let found = scan(PhysicalRange(start: area, length: 1024), in: memory) {
        return found
      }
    }
    if let found = scan(PhysicalRange(start: 0xe0000, length: 0x20000), in: memory) { return found }
    throw .noRootPointer
  }

  private static func scan<Memory: PhysicalMemory & ~Copyable>(
    _ area: PhysicalRange, in memory: borrowing Memory
  ) -> ACPIRootPointer? {
    var address = area.start
    while address < area.end {
      if let found = ACPIRootPointer(at: address, in: memory) { return found }
      address += 16
    }
    return nil
  }
}
