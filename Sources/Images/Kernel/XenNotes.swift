// SPDX-License-Identifier: Apache-2.0

// How a kernel says that, and how, it wants to be started under Xen. Three places are looked at in this order, and the
// first that says anything counts alone: PT_NOTE segments, SHT_NOTE sections, the older `__xen_guest` section
// (GuestDescription).

/// A mask and value that recognise a (non-present) L1 entry with a valid machine frame. ABI: XEN_ELFNOTE_L1_MFN_VALID.
public struct L1ValidPattern: Equatable {
  /// The bits to look at.
  public let mask: UInt64
  /// Their values in a valid entry.
  public let value: UInt64
}

/// The notes of a Xen kernel. ABI: XEN_ELFNOTE_* of xen/elfnote.h. Texts are parts of the file, without terminating
/// zero.
public struct XenNotes {
  /// Where the notes were found.
  public enum Source {
    /// PT_NOTE segments.
    case segments
    /// SHT_NOTE sections.
    case sections
    /// The `__xen_guest` section.
    case guestSection
  }

  /// Where the notes were found.
  public internal(set) var source: Source
  /// `XEN_ELFNOTE_ENTRY`: virtual address of the entry point.
  public internal(set) var entry: UInt64?
  /// `XEN_ELFNOTE_HYPERCALL_PAGE`: virtual address.
  public internal(set) var hypercallPage: UInt64?
  /// `HYPERCALL_PAGE` of `__xen_guest`: a pseudo-physical page number instead.
  public internal(set) var hypercallPageNumber: UInt64?
  /// `XEN_ELFNOTE_VIRT_BASE`: virtual address of the image's mapping.
  public internal(set) var virtualBase: UInt64?
  /// `XEN_ELFNOTE_PADDR_OFFSET`: what to subtract from the ELF physical addresses.
  public internal(set) var physicalOffset: UInt64?
  /// `XEN_ELFNOTE_XEN_VERSION`
  public internal(set) var xenVersion: FileRange?
  /// `XEN_ELFNOTE_GUEST_OS`
  public internal(set) var guestOS: FileRange?
  /// `XEN_ELFNOTE_GUEST_VERSION`
  public internal(set) var guestVersion: FileRange?
  /// `XEN_ELFNOTE_LOADER`
  public internal(set) var loader: FileRange?
  /// `XEN_ELFNOTE_PAE_MODE`; of no meaning for 64-bit kernels.
  public internal(set) var paeMode: FileRange?
  /// `XEN_ELFNOTE_FEATURES` and `XEN_ELFNOTE_SUPPORTED_FEATURES` together.
  public internal(set) var supported = XenFeatures.none
  /// The features named with `!`.
  public internal(set) var required = XenFeatures.none
  /// True when `XEN_ELFNOTE_SUPPORTED_FEATURES` is there; then Domain 0 kernels must name `dom0`.
  public internal(set) var hasFeatureWord = false
  /// `XEN_ELFNOTE_BSD_SYMTAB`: the kernel wants its symbol table loaded.
  public internal(set) var wantsSymbolTable = false
  /// `XEN_ELFNOTE_HV_START_LOW`: the lowest address at which the hypervisor may start.
  public internal(set) var hypervisorStartLow: UInt64?
  /// `XEN_ELFNOTE_L1_MFN_VALID`
  public internal(set) var l1Valid: L1ValidPattern?
  /// `XEN_ELFNOTE_SUSPEND_CANCEL`
  public internal(set) var suspendCancel = false
  /// `XEN_ELFNOTE_INIT_P2M`: virtual address where the physical-to-machine list is to be mapped.
  public internal(set) var initialP2M: UInt64?
  /// `XEN_ELFNOTE_MOD_START_PFN`: `mod_start` of the start info is to be a frame number, the initrd is not mapped.
  public internal(set) var moduleByFrame = false
  /// `XEN_ELFNOTE_PHYS32_ENTRY`: the PVH entry point, physical. Not used for PV.
  public internal(set) var physicalEntry32: UInt64?

  init(_ source: Source) { self.source = source }

  /// True when anything but the PVH entry point was found.
  var describesPVKernel: Bool {
    entry != nil || virtualBase != nil || hypercallPage != nil || xenVersion != nil || guestOS != nil || loader != nil
  }

  /// True unless the kernel lists its features in a word without `dom0` (xen/features.h).
  public var mayBeDomain0: Bool { !hasFeatureWord || supported.contains(.domain0) }

  /// Reads the notes of a kernel and checks those that say whether it fits at all.
  ///
  /// - Throws: `noXenNotes`, `onlyPVH`, `badNote`, `badNumericNote`, `otherXenVersion`, `otherLoader`,
  ///   `unknownRequiredFeature`.
  public static func read(from image: ELFImage, file: Span<UInt8>) throws(KernelError) -> XenNotes {
    var sawPVH = false
    var notes = XenNotes(.segments)
    for index in image.noteSegments.indices { try notes.scan(image.noteSegments[index], of: file) }
    if !notes.describesPVKernel {
      sawPVH = notes.physicalEntry32 != nil
      notes = XenNotes(.sections)
      for index in image.noteSections.indices { try notes.scan(image.noteSections[index], of: file) }
    }
    if !notes.describesPVKernel {
      sawPVH = sawPVH || notes.physicalEntry32 != nil
      notes = XenNotes(.guestSection)
      if let section = image.guestSection { try notes.readGuestSection(section, of: file) }
    }
    guard notes.describesPVKernel else { throw sawPVH ? .onlyPVH : .noXenNotes }
    if let version = notes.xenVersion, !file.equals(version.range, "xen-3.0") { throw .otherXenVersion }
    if let loader = notes.loader, !file.equals(loader.range, "generic") { throw .otherLoader }
    return notes
  }

  /// Adds the features of a list such as `!writable_page_tables|pae_pgdir_above_4gb`.
  ///
  /// - Throws: `unknownRequiredFeature`; names that are not known and not required are passed over.
  mutating func addFeatures(_ list: Range<Int>, of file: Span<UInt8>) throws(KernelError) {
    var rest: Range<Int>? = list
    while let remaining = rest {
      var name = file.part(of: remaining, before: UInt8(ascii: "|"))
      rest = file.part(of: remaining, after: UInt8(ascii: "|"))
      let isRequired = file.hasPrefix(name, "!")
      if isRequired { name = (name.lowerBound + 1)..<name.upperBound }
      if let feature = XenFeatures(named: name, of: file) {
        supported.insert(feature)
        if isRequired { required.insert(feature) }
      } else if isRequired {
        throw .unknownRequiredFeature
      }
    }
  }
}
