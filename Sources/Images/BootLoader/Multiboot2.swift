// SPDX-License-Identifier: Apache-2.0

// The multiboot2 boot information (Multiboot2 Specification 2.0, section 3.6): one block of tags, each with its type
// and size, everything by value except the modules. This is what GRUB's `multiboot2` passes.

/// Tag types that are read; all others are passed over.
private enum Tag {
  static let end: UInt32 = 0
  static let commandLine: UInt32 = 1
  static let loaderName: UInt32 = 2
  static let module: UInt32 = 3
  static let basicMemory: UInt32 = 4
  static let memoryMap: UInt32 = 6
  static let oldRootPointer: UInt32 = 14
  static let newRootPointer: UInt32 = 15
}

/// Bytes of a tag's type and size.
private let tagHeaderSize: UInt64 = 8
/// Longest information accepted, in bytes.
private let informationLimit: UInt32 = 1 << 20

extension BootInformation {
  /// Reads a multiboot2 information block at a physical address.
  static func readMultiboot2<Memory: PhysicalMemory & ~Copyable>(
    at address: UInt64, from memory: borrowing Memory
  ) throws(BootInformationError) -> BootInformation {
    guard address <= UInt64(UInt32.max) else { throw .unreadable }
    let size = try memory.required32(at: address)
    guard size >= 16, size <= informationLimit else { throw .malformed }
    var information = BootInformation(.multiboot2)
    information.occupied.append(PhysicalRange(start: address, length: UInt64(size)))

    let end = address + UInt64(size)
    var basicMemory: (lower: UInt32, upper: UInt32)?
    var tag = address + tagHeaderSize
    while end - tag >= tagHeaderSize {
      let type = try memory.required32(at: tag)
      let tagSize = UInt64(try memory.required32(at: tag + 4))
      guard tagSize >= tagHeaderSize, tagSize <= end - tag else { throw .malformed }
      if type == Tag.end { break }
      let body = PhysicalRange(start: tag + tagHeaderSize, length: tagSize - tagHeaderSize)
      if type == Tag.basicMemory, body.length >= 8 {
        basicMemory = (try memory.required32(at: body.start), try memory.required32(at: body.start + 4))
      } else {
        try information.readTag(type, body, from: memory)
      }
      let step = (tagSize + 7) & ~7
      if step > end - tag { break }
      tag += step
    }
    if information.memory.isEmpty, let basicMemory {
      information.addBasicMemory(lowerKiB: basicMemory.lower, upperKiB: basicMemory.upper)
    }
    if information.memory.isEmpty { throw .noMemoryMap }
    return information
  }

  private mutating func readTag<Memory: PhysicalMemory & ~Copyable>(
    _ type: UInt32, _ body: PhysicalRange, from memory: borrowing Memory
  ) throws(BootInformationError) {
    switch type {
    case Tag.commandLine:
      commandLine = try Self.text(in: body, of: memory)
    case Tag.loaderName:
      loaderName = try Self.text(in: body, of: memory)
    case Tag.module:
      guard let name = PhysicalRange(start: body.start + 8, end: body.end) else { throw .malformed }
      try addModule(
        start: try memory.required32(at: body.start), end: try memory.required32(at: body.start + 4),
        commandLine: try Self.text(in: name, of: memory))
    case Tag.memoryMap:
      try readMemoryMap(body, from: memory)
    case Tag.oldRootPointer:
      if rootPointer == nil { rootPointer = body }
    case Tag.newRootPointer:
      rootPointer = body
    default:
      break
    }
  }

  /// Entry size, entry version, then entries of base, length, type, and whatever later versions add.
  private mutating func readMemoryMap<Memory: PhysicalMemory & ~Copyable>(
    _ body: PhysicalRange, from memory: borrowing Memory
  ) throws(BootInformationError) {
    guard body.length >= 8 else { throw .malformed }
    let entrySize = UInt64(try memory.required32(at: body.start))
    guard entrySize >= 24 else { throw .malformed }
    var entry = body.start + 8
    while body.end - entry >= entrySize {
      guard let base = memory.word64(at: entry), let length = memory.word64(at: entry + 8) else { throw .unreadable }
      addMemory(base: base, length: length, type: try memory.required32(at: entry + 16))
      entry += entrySize
    }
  }

  /// The zero-terminated text that starts a tag's body; the tag's end also ends it.
  private static func text<Memory: PhysicalMemory & ~Copyable>(
    in body: PhysicalRange, of memory: borrowing Memory
  ) throws(BootInformationError) -> PhysicalText {
    var length: UInt64 = 0
    while length < body.length {
      guard let byte = memory.byte(at: body.start + length) else { throw .unreadable }
      if byte == 0 { break }
      length += 1
    }
    return PhysicalText(address: body.start, length: Int(length))
  }
}
