// SPDX-License-Identifier: Apache-2.0

// Every reason why a Domain 0 kernel image cannot be used, in one list, because each of them ends as one line on the
// console in front of a person who has to do something about it.

/// Why a kernel image is refused.
public enum KernelError: Error {
  /// Fewer bytes than any header.
  case tooShort
  /// Neither ELF nor bzImage nor a compressed file.
  case notAKernel
  /// A bzImage from before boot protocol 2.08, which does not say where its payload lies.
  case oldBzImage
  /// The payload lies outside the bzImage.
  case truncatedBzImage
  /// The payload is in a compression format without a decompressor.
  case unknownCompression
  /// A 32-bit ELF.
  case elf32
  /// An ELF of another byte order, machine or version, or not an executable.
  case elfForeign
  /// A header or table lies outside the file.
  case elfTruncated
  /// More loadable segments, or note sections, than are handled.
  case elfTooManyParts
  /// Nothing to load.
  case elfNoSegments
  /// A segment has more bytes in the file than in memory, or wraps around the address space.
  case elfBadSegment
  /// Two segments cover the same addresses.
  case elfOverlappingSegments
  /// The segments span more memory than allowed.
  case elfTooLarge
  /// A note is cut off.
  case badNote
  /// A numeric note that is neither 4 nor 8 bytes.
  case badNumericNote
  /// Neither Xen notes nor a `__xen_guest` section.
  case noXenNotes
  /// Only an entry point for PVH.
  case onlyPVH
  /// XEN_VERSION is not `xen-3.0`.
  case otherXenVersion
  /// LOADER is not `generic`.
  case otherLoader
  /// The required features contain a name that is not known.
  case unknownRequiredFeature
  /// An address of the notes does not fit the image: not canonical, outside it, not aligned, or in the hypervisor's
  /// region.
  case badVirtualBase
  /// The entry point is outside the image.
  case badEntry
  /// The hypercall page is not a page inside the image.
  case badHypercallPage
  /// The address for the physical-to-machine list is not usable.
  case badInitialP2M
  /// HV_START_LOW asks for a hypervisor region that starts higher than it does.
  case badHypervisorStart

  /// What is wrong and what to do.
  public var message: StaticString {
    switch self {
    case .tooShort:
      "the Domain 0 kernel is shorter than any kernel; check the first module's file"
    case .notAKernel:
      "the first module is not a kernel (neither bzImage nor ELF); put the kernel first, the initrd second"
    case .oldBzImage:
      "the kernel's boot protocol is older than 2.08; use Linux 2.6.26 or newer"
    case .truncatedBzImage:
      "the kernel's compressed payload lies outside its file; the file is truncated, fetch it again"
    case .unknownCompression:
      "the kernel is compressed in a way not known here; use gzip, XZ, LZ4 or zstd"
    case .elf32:
      "the kernel is 32-bit; only x86-64 kernels run here, use the amd64 package"
    case .elfForeign:
      "the kernel is no x86-64 executable; use a kernel for amd64"
    case .elfTruncated:
      "the kernel's ELF headers or segments lie outside its file; the file is truncated, fetch it again"
    case .elfTooManyParts:
      "the kernel's ELF file has more than 16 segments or note sections; relink it with fewer"
    case .elfNoSegments:
      "the kernel's ELF file has nothing to load; is it an object file or a debug file?"
    case .elfBadSegment:
      "a segment of the kernel's ELF file has impossible sizes or addresses; the file is corrupt, fetch it again"
    case .elfOverlappingSegments:
      "two segments of the kernel's ELF file overlap; the file is corrupt, fetch it again"
    case .elfTooLarge:
      "the kernel's segments span more memory than a kernel may; the file is corrupt, fetch it again"
    case .badNote:
      "the kernel's ELF notes are cut off; the file is corrupt, fetch it again"
    case .badNumericNote:
      "a numeric Xen note of the kernel is neither 4 nor 8 bytes; the kernel was built wrongly"
    case .noXenNotes:
      "the kernel has no Xen notes: it cannot run paravirtualized; build it with CONFIG_XEN_PV"
    case .onlyPVH:
      "the kernel can start only as PVH, not PV; build it with CONFIG_XEN_PV (and CONFIG_XEN_DOM0)"
    case .otherXenVersion:
      "the kernel asks for a Xen interface other than xen-3.0; use a newer kernel"
    case .otherLoader:
      "the kernel asks for a loader other than the generic one; use a newer kernel"
    case .unknownRequiredFeature:
      "the kernel requires a hypervisor feature that is not known here; use another kernel"
    case .badVirtualBase:
      "the kernel asks for addresses that are not canonical or belong to the hypervisor; its Xen notes are wrong"
    case .badEntry:
      "the kernel's entry point lies outside its image; its Xen notes are wrong"
    case .badHypercallPage:
      "the kernel's hypercall page is not a page inside its image; its Xen notes are wrong"
    case .badInitialP2M:
      "the kernel wants its physical-to-machine list where it cannot be; its Xen notes are wrong"
    case .badHypervisorStart:
      "the kernel forbids the hypervisor's address range; its Xen notes are wrong"
    }
  }
}
