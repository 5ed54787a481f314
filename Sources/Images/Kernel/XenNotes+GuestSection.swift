// SPDX-License-Identifier: Apache-2.0

// The `__xen_guest` section of kernels from before the ELF notes, and of GNU Mach, which has it beside notes of a wrong
// name: one text of `NAME=VALUE` pairs with commas between. The names are the LEGACY remarks of xen/elfnote.h.

extension XenNotes {
  /// Takes over the pairs of a `__xen_guest` section.
  ///
  /// - Throws: `badNumericNote`, `unknownRequiredFeature`.
  mutating func readGuestSection(_ section: FileRange, of file: Span<UInt8>) throws(KernelError) {
    var rest: Range<Int>? = file.part(of: section.range, before: 0)
    while let remaining = rest {
      let pair = file.part(of: remaining, before: UInt8(ascii: ","))
      rest = file.part(of: remaining, after: UInt8(ascii: ","))
      let name = file.part(of: pair, before: UInt8(ascii: "="))
      let value = file.part(of: pair, after: UInt8(ascii: "=")) ?? (pair.upperBound..<pair.upperBound)
      try take(name, value, of: file)
    }
    // Here, unlike with notes, physical addresses that were left as virtual ones are the default.
    if physicalOffset == nil { physicalOffset = virtualBase }
  }

  private mutating func take(_ name: Range<Int>, _ value: Range<Int>, of file: Span<UInt8>) throws(KernelError) {
    let text = FileRange(offset: UInt64(value.lowerBound), length: UInt64(value.count), fileSize: file.count)
    if file.equals(name, "VIRT_ENTRY") {
      entry = try Self.number(value, of: file)
    } else if file.equals(name, "HYPERCALL_PAGE") {
      hypercallPageNumber = try Self.number(value, of: file)
    } else if file.equals(name, "VIRT_BASE") {
      virtualBase = try Self.number(value, of: file)
    } else if file.equals(name, "ELF_PADDR_OFFSET") {
      physicalOffset = try Self.number(value, of: file)
    } else if file.equals(name, "XEN_VER") {
      xenVersion = text
    } else if file.equals(name, "GUEST_OS") {
      guestOS = text
    } else if file.equals(name, "GUEST_VER") || file.equals(name, "GUEST_VERSION") {
      guestVersion = text
    } else if file.equals(name, "LOADER") {
      loader = text
    } else if file.equals(name, "PAE") {
      paeMode = text
    } else if file.equals(name, "FEATURES") {
      try addFeatures(value, of: file)
    } else if file.equals(name, "BSD_SYMTAB") {
      wantsSymbolTable = true
    }
  }

  private static func number(_ value: Range<Int>, of file: Span<UInt8>) throws(KernelError) -> UInt64 {
    guard let number = file.unsignedNumber(value) else { throw .badNumericNote }
    return number
  }
}
