// SPDX-License-Identifier: Apache-2.0

// The multiboot information structure (Multiboot Specification 0.6.96, section 3.3): a fixed record of numbers and
// pointers, each valid when its bit in the first word is set. This is what `qemu -kernel` and GRUB's `multiboot` pass.

/// Bits of the first word.
private enum Flag {
  static let memory: UInt32 = 1 << 0
  static let commandLine: UInt32 = 1 << 2
  static let modules: UInt32 = 1 << 3
  static let memoryMap: UInt32 = 1 << 6
  static let loaderName: UInt32 = 1 << 9
}

/// Byte offsets of the fields.
private enum Offset {
  static let flags: UInt64 = 0
  static let memoryLower: UInt64 = 4
  static let memoryUpper: UInt64 = 8
  static let commandLine: UInt64 = 16
  static let moduleCount: UInt64 = 20
  static let modules: UInt64 = 24
  static let memoryMapLength: UInt64 = 44
  static let memoryMap: UInt64 = 48
  static let loaderName: UInt64 = 64
  static let end: UInt64 = 120
}

/// Bytes of one module record: start, end, command line, reserved.
private let moduleRecordSize: UInt64 = 16
/// Longest text accepted, in bytes.
private let textLimit = 16384
/// Longest memory map accepted, in bytes.
private let memoryMapLimit: UInt32 = 65536
/// Most modules looked at; those past the capacity of the result are only counted.
private let moduleLimit: UInt32 = 64

extension BootInformation {
  /// Reads a multiboot (version 1) information structure at a physical address.
  static func readMultiboot1<Memory: PhysicalMemory & ~Copyable>(
    at address: UInt64, from memory: borrowing Memory
  ) throws(BootInformationError) -> BootInformation {
    guard address <= UInt64(UInt32.max) else { throw .unreadable }
    var information = BootInformation(.multiboot1)
    let flags = try memory.required32(at: address + Offset.flags)
    information.occupied.append(PhysicalRange(start: address, length: Offset.end))

    if flags & Flag.commandLine != 0 {
      information.commandLine = try information.text(pointedToFrom: address + Offset.commandLine, in: memory)
    }
    if flags & Flag.loaderName != 0 {
      information.loaderName = try information.text(pointedToFrom: address + Offset.loaderName, in: memory)
    }
    if flags & Flag.modules != 0 {
      try information.readModules(at: address, from: memory)
    }
    if flags & Flag.memoryMap != 0 {
      try information.readMemoryMap(at: address, from: memory)
    } else if flags & Flag.memory != 0 {
      information.addBasicMemory(
        lowerKiB: try memory.required32(at: address + Offset.memoryLower),
        upperKiB: try memory.required32(at: address + Offset.memoryUpper))
    }
    if information.memory.isEmpty { throw .noMemoryMap }
    return information
  }

  private mutating func readModules<Memory: PhysicalMemory & ~Copyable>(
    at address: UInt64, from memory: borrowing Memory
  ) throws(BootInformationError) {
    let count = try memory.required32(at: address + Offset.moduleCount)
    let records = UInt64(try memory.required32(at: address + Offset.modules))
    guard count <= moduleLimit else { throw .malformed }
    occupied.append(PhysicalRange(start: records, length: UInt64(count) * moduleRecordSize))
    for index in 0..<UInt64(count) {
      let record = records + index * moduleRecordSize
      try addModule(
        start: try memory.required32(at: record), end: try memory.required32(at: record + 4),
        commandLine: try text(pointedToFrom: record + 8, in: memory))
    }
  }

  /// Each entry states, before itself, how long it is without that statement.
  private mutating func readMemoryMap<Memory: PhysicalMemory & ~Copyable>(
    at address: UInt64, from memory: borrowing Memory
  ) throws(BootInformationError) {
    let length = try memory.required32(at: address + Offset.memoryMapLength)
    let map = UInt64(try memory.required32(at: address + Offset.memoryMap))
    guard length <= memoryMapLimit else { throw .malformed }
    let end = map + UInt64(length)
    occupied.append(PhysicalRange(start: map, length: UInt64(length)))
    var entry = map
    while entry < end {
      let size = UInt64(try memory.required32(at: entry))
      guard size >= 20, size + 4 <= end - entry else { throw .malformed }
      guard let base = memory.word64(at: entry + 4), let bytes = memory.word64(at: entry + 12) else {
        throw .unreadable
      }
      addMemory(base: base, length: bytes, type: try memory.required32(at: entry + 20))
      entry += size + 4
    }
  }

  /// The zero-terminated text whose 32-bit pointer lies at `field`; a null pointer is no text.
  private mutating func text<Memory: PhysicalMemory & ~Copyable>(
    pointedToFrom field: UInt64, in memory: borrowing Memory
  ) throws(BootInformationError) -> PhysicalText {
    let start = UInt64(try memory.required32(at: field))
    if start == 0 { return .empty }
    var length = 0
    while length < textLimit {
      guard let byte = memory.byte(at: start + UInt64(length)) else { throw .unreadable }
      if byte == 0 {
        if length > 0 { occupied.append(PhysicalRange(start: start, length: UInt64(length) + 1)) }
        return PhysicalText(address: start, length: length)
      }
      length += 1
    }
    throw .endlessText
  }
}

extension PhysicalMemory where Self: ~Copyable {
  /// The 32-bit number at `address`.
  ///
  /// - Throws: `unreadable`.
  func required32(at address: UInt64) throws(BootInformationError) -> UInt32 {
    guard let value = word32(at: address) else { throw .unreadable }
    return value
  }
}
