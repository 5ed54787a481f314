// SPDX-License-Identifier: Apache-2.0

// A 64-bit x86 ELF executable: its loadable segments, checked once so that loading them needs no further checks, and
// the places where Xen's notes may be. Layout: the System V ABI's Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr.

/// A part of the file to be put into memory.
public struct ELFSegment: Equatable {
  /// The bytes in the file; the rest of the segment's memory is zero.
  public let file: FileRange
  /// Where the bytes go (p_paddr), `memorySize` long. Xen kernels are placed by this address, see `KernelLayout`.
  public let physicalAddress: UInt64
  /// p_vaddr; informative only (Linux's per-CPU segment has zero here).
  public let virtualAddress: UInt64
  /// Bytes in memory, at least as many as in the file.
  public let memorySize: UInt64
  /// p_flags: executable 1, writable 2, readable 4.
  public let flags: UInt32

  /// Address after the segment's last byte; known not to overflow.
  public var physicalEnd: UInt64 { physicalAddress + memorySize }

  static var placeholder: ELFSegment {
    ELFSegment(file: .empty, physicalAddress: 0, virtualAddress: 0, memorySize: 0, flags: 0)
  }
}

/// The number of loadable segments, and of notes, that are handled.
private let partLimit = 16
/// Elf64_Ehdr, Elf64_Phdr and Elf64_Shdr sizes in bytes.
private let fileHeaderSize: UInt64 = 64
private let programHeaderSize: UInt64 = 56
private let sectionHeaderSize: UInt64 = 64
/// p_type and sh_type values.
private let loadableSegment: UInt32 = 1
private let noteSegment: UInt32 = 4
private let noteSection: UInt32 = 7

/// An ELF executable that can be loaded.
public struct ELFImage {
  /// e_entry.
  public let entry: UInt64
  /// The loadable segments that take up memory, in file order; no two overlap.
  public private(set) var segments = FixedList<16, ELFSegment>(placeholder: .placeholder)
  /// The contents of the PT_NOTE segments.
  public private(set) var noteSegments = FixedList<16, FileRange>(placeholder: .empty)
  /// The contents of the SHT_NOTE sections.
  public private(set) var noteSections = FixedList<16, FileRange>(placeholder: .empty)
  /// The contents of the section `__xen_guest`, with which kernels described themselves before there were notes.
  public private(set) var guestSection: FileRange?
  /// The lowest physical address of a segment.
  public private(set) var physicalStart: UInt64 = UInt64.max
  /// The address after the highest one of a segment.
  public private(set) var physicalEnd: UInt64 = 0

  /// Reads and checks the headers of a file.
  ///
  /// - Parameters:
  ///   - file: the whole file.
  ///   - maximumSpan: bytes from the lowest to the highest physical address at most.
  /// - Throws: `KernelError` (`tooShort`, `notAKernel` and the `elf` cases).
  public init(_ file: Span<UInt8>, maximumSpan: UInt64 = 1 << 30) throws(KernelError) {
    guard file.count >= 16 else { throw .tooShort }
    guard file.field32(at: 0) == elfMagic else { throw .notAKernel }
    if file.field8(at: 4) == 1 { throw .elf32 }  // EI_CLASS: ELFCLASS32
    guard UInt64(file.count) >= fileHeaderSize else { throw .elfTruncated }
    guard file.field8(at: 4) == 2, file.field8(at: 5) == 1,  // ELFCLASS64, ELFDATA2LSB
      let type = file.field16(at: 16), type == 2 || type == 3,  // ET_EXEC, ET_DYN
      file.field16(at: 18) == 62,  // EM_X86_64
      let entry = file.field64(at: 24)
    else { throw .elfForeign }
    self.entry = entry
    try readProgramHeaders(of: file)
    readSectionHeaders(of: file)
    guard !segments.isEmpty else { throw .elfNoSegments }
    guard physicalEnd - physicalStart <= maximumSpan else { throw .elfTooLarge }
  }

  private mutating func readProgramHeaders(of file: Span<UInt8>) throws(KernelError) {
    guard let table = file.field64(at: 32), let entrySize = file.field16(at: 54), let count = file.field16(at: 56)
    else {
      throw .elfTruncated
    }
    if count == 0 { throw .elfNoSegments }
    guard UInt64(entrySize) >= programHeaderSize,
      FileRange(offset: table, length: UInt64(entrySize) * UInt64(count), fileSize: file.count) != nil
    else { throw .elfTruncated }
    for index in 0..<UInt64(count) {
      let header = table + index * UInt64(entrySize)
      switch file.field32(at: header) {
      case loadableSegment: try addSegment(header, of: file)
      case noteSegment: try addNotes(header, of: file)
      default: break
      }
    }
  }

  private mutating func addSegment(_ header: UInt64, of file: Span<UInt8>) throws(KernelError) {
    guard let flags = file.field32(at: header + 4), let offset = file.field64(at: header + 8),
      let virtual = file.field64(at: header + 16), let physical = file.field64(at: header + 24),
      let fileSize = file.field64(at: header + 32), let memorySize = file.field64(at: header + 40)
    else { throw .elfTruncated }
    if memorySize == 0 && fileSize == 0 { return }
    guard fileSize <= memorySize, memorySize <= UInt64.max - physical else { throw .elfBadSegment }
    guard let range = FileRange(offset: offset, length: fileSize, fileSize: file.count) else { throw .elfTruncated }
    let segment = ELFSegment(
      file: range, physicalAddress: physical, virtualAddress: virtual, memorySize: memorySize, flags: flags)
    for index in segments.indices
    where physical < segments[index].physicalEnd && segments[index].physicalAddress < segment.physicalEnd {
      throw .elfOverlappingSegments
    }
    guard segments.append(segment) else { throw .elfTooManyParts }
    physicalStart = min(physicalStart, physical)
    physicalEnd = max(physicalEnd, segment.physicalEnd)
  }

  private mutating func addNotes(_ header: UInt64, of file: Span<UInt8>) throws(KernelError) {
    guard let offset = file.field64(at: header + 8), let size = file.field64(at: header + 32),
      let range = FileRange(offset: offset, length: size, fileSize: file.count)
    else { throw .elfTruncated }
    guard noteSegments.append(range) else { throw .elfTooManyParts }
  }

  /// Sections are a convenience that stripping may remove: what does not fit is passed over, the segments decide.
  private mutating func readSectionHeaders(of file: Span<UInt8>) {
    guard let table = file.field64(at: 40), table != 0, let entrySize = file.field16(at: 58),
      let count = file.field16(at: 60), let namesIndex = file.field16(at: 62),
      UInt64(entrySize) >= sectionHeaderSize,
      FileRange(offset: table, length: UInt64(entrySize) * UInt64(count), fileSize: file.count) != nil
    else { return }
    let names = namesIndex < count ? section(at: table + UInt64(namesIndex) * UInt64(entrySize), of: file) : nil
    for index in 0..<UInt64(count) {
      let header = table + index * UInt64(entrySize)
      guard let contents = section(at: header, of: file) else { continue }
      if file.field32(at: header + 4) == noteSection { noteSections.append(contents) }
      if let names, let name = file.field32(at: header), isGuestSection(name, names, of: file) {
        guestSection = contents
      }
    }
  }

  /// The contents of the section with a header at `header`; nil when they are outside the file (or there are none).
  private func section(at header: UInt64, of file: Span<UInt8>) -> FileRange? {
    guard file.field32(at: header + 4) != 8,  // SHT_NOBITS
      let offset = file.field64(at: header + 24), let size = file.field64(at: header + 32)
    else { return nil }
    return FileRange(offset: offset, length: size, fileSize: file.count)
  }

  private func isGuestSection(_ name: UInt32, _ names: FileRange, of file: Span<UInt8>) -> Bool {
    guard UInt64(name) < UInt64(names.length) else { return false }
    // One byte more than the name, for its terminating zero; a table of endless names must cost no time.
    let start = names.offset + Int(name)
    return file.equals(file.part(of: start..<min(names.end, start + 12), before: 0), "__xen_guest")
  }
}
