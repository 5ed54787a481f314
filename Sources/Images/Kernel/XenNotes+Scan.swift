// SPDX-License-Identifier: Apache-2.0

// The note format of ELF: three 32-bit numbers (name size, description size, type), the name, the description, each of
// the two padded to four bytes.

/// Note types. ABI: xen/elfnote.h.
private enum NoteType {
  static let entry: UInt32 = 1  // XEN_ELFNOTE_ENTRY
  static let hypercallPage: UInt32 = 2  // XEN_ELFNOTE_HYPERCALL_PAGE
  static let virtualBase: UInt32 = 3  // XEN_ELFNOTE_VIRT_BASE
  static let physicalOffset: UInt32 = 4  // XEN_ELFNOTE_PADDR_OFFSET
  static let xenVersion: UInt32 = 5  // XEN_ELFNOTE_XEN_VERSION
  static let guestOS: UInt32 = 6  // XEN_ELFNOTE_GUEST_OS
  static let guestVersion: UInt32 = 7  // XEN_ELFNOTE_GUEST_VERSION
  static let loader: UInt32 = 8  // XEN_ELFNOTE_LOADER
  static let paeMode: UInt32 = 9  // XEN_ELFNOTE_PAE_MODE
  static let features: UInt32 = 10  // XEN_ELFNOTE_FEATURES
  static let symbolTable: UInt32 = 11  // XEN_ELFNOTE_BSD_SYMTAB
  static let hypervisorStartLow: UInt32 = 12  // XEN_ELFNOTE_HV_START_LOW
  static let l1Valid: UInt32 = 13  // XEN_ELFNOTE_L1_MFN_VALID
  static let suspendCancel: UInt32 = 14  // XEN_ELFNOTE_SUSPEND_CANCEL
  static let initialP2M: UInt32 = 15  // XEN_ELFNOTE_INIT_P2M
  static let moduleByFrame: UInt32 = 16  // XEN_ELFNOTE_MOD_START_PFN
  static let supportedFeatures: UInt32 = 17  // XEN_ELFNOTE_SUPPORTED_FEATURES
  static let physicalEntry32: UInt32 = 18  // XEN_ELFNOTE_PHYS32_ENTRY
}

extension XenNotes {
  /// Takes over the notes named `Xen` among those of a segment or section; a later note of a type replaces an earlier
  /// one.
  ///
  /// - Throws: `badNote`, `badNumericNote`, `unknownRequiredFeature`.
  mutating func scan(_ notes: FileRange, of file: Span<UInt8>) throws(KernelError) {
    var offset = UInt64(notes.offset)
    let end = UInt64(notes.end)
    while end - offset >= 12 {
      guard let nameSize = file.field32(at: offset), let size = file.field32(at: offset + 4),
        let type = file.field32(at: offset + 8)
      else { throw .badNote }
      let name = offset + 12
      let description = name + Self.padded(nameSize)
      let next = description + Self.padded(size)
      // The last description may lack its padding.
      guard description <= end, UInt64(size) <= end - description,
        let contents = FileRange(offset: description, length: UInt64(size), fileSize: file.count)
      else { throw .badNote }
      if nameSize == 4, file.field32(at: name) == 0x006e_6558 {  // "Xen"
        try take(type, contents, of: file)
      }
      if next >= end { return }
      offset = next
    }
  }

  private static func padded(_ size: UInt32) -> UInt64 { (UInt64(size) + 3) & ~3 }

  private mutating func take(_ type: UInt32, _ contents: FileRange, of file: Span<UInt8>) throws(KernelError) {
    switch type {
    case NoteType.entry: entry = try Self.number(contents, of: file)
    case NoteType.hypercallPage: hypercallPage = try Self.number(contents, of: file)
    case NoteType.virtualBase: virtualBase = try Self.number(contents, of: file)
    case NoteType.physicalOffset: physicalOffset = try Self.number(contents, of: file)
    case NoteType.xenVersion: xenVersion = Self.text(contents, of: file)
    case NoteType.guestOS: guestOS = Self.text(contents, of: file)
    case NoteType.guestVersion: guestVersion = Self.text(contents, of: file)
    case NoteType.loader: loader = Self.text(contents, of: file)
    case NoteType.paeMode: paeMode = Self.text(contents, of: file)
    case NoteType.features: try addFeatures(Self.text(contents, of: file).range, of: file)
    case NoteType.symbolTable: wantsSymbolTable = file.hasPrefix(contents.range, "yes")
    case NoteType.hypervisorStartLow: hypervisorStartLow = try Self.number(contents, of: file)
    case NoteType.l1Valid: l1Valid = try Self.pattern(contents, of: file)
    case NoteType.suspendCancel: suspendCancel = try Self.number(contents, of: file) != 0
    case NoteType.initialP2M: initialP2M = try Self.number(contents, of: file)
    case NoteType.moduleByFrame: moduleByFrame = try Self.number(contents, of: file) != 0
    case NoteType.supportedFeatures:
      hasFeatureWord = true
      supported.formUnion(XenFeatures(rawValue: UInt32(truncatingIfNeeded: try Self.number(contents, of: file))))
    case NoteType.physicalEntry32: physicalEntry32 = try Self.number(contents, of: file)
    default: break
    }
  }

  /// A numeric description: 4 or 8 bytes.
  private static func number(_ contents: FileRange, of file: Span<UInt8>) throws(KernelError) -> UInt64 {
    switch contents.length {
    case 4: if let value = file.field32(at: UInt64(contents.offset)) { return UInt64(value) }
    case 8: if let value = file.field64(at: UInt64(contents.offset)) { return value }
    default: break
    }
    throw .badNumericNote
  }

  /// The first pair of the list of mask and value pairs.
  private static func pattern(_ contents: FileRange, of file: Span<UInt8>) throws(KernelError) -> L1ValidPattern {
    guard contents.length >= 16, let mask = file.field64(at: UInt64(contents.offset)),
      let value = file.field64(at: UInt64(contents.offset) + 8)
    else { throw .badNumericNote }
    return L1ValidPattern(mask: mask, value: value)
  }

  /// A text description, up to its terminating zero.
  private static func text(_ contents: FileRange, of file: Span<UInt8>) -> FileRange {
    let text = file.part(of: contents.range, before: 0)
    return FileRange(offset: UInt64(text.lowerBound), length: UInt64(text.count), fileSize: file.count) ?? .empty
  }
}
