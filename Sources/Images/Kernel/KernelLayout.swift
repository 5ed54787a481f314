// SPDX-License-Identifier: Apache-2.0

// Where a PV kernel is put: the ELF segments and the Xen notes combined into virtual addresses, and each address a note
// names checked against them. After this, building the domain only does arithmetic that cannot fail.

/// First address after the low half of the canonical addresses.
private let lowHalfEnd: UInt64 = 1 << 47
/// First address of the high half of the canonical addresses.
private let highHalfStart: UInt64 = 0xffff_8000_0000_0000
/// The hypervisor's own region. ABI: HYPERVISOR_VIRT_START, HYPERVISOR_VIRT_END of xen/arch-x86/xen-x86_64.h.
private let hypervisorStart: UInt64 = 0xffff_8000_0000_0000
private let hypervisorEnd: UInt64 = 0xffff_8800_0000_0000

/// The virtual addresses of a PV kernel.
public struct KernelLayout: Equatable {
  /// Where the domain's pseudo-physical address zero is mapped (VIRT_BASE).
  public let virtualBase: UInt64
  /// First virtual address of the image.
  public let virtualStart: UInt64
  /// Address after the last byte of the image.
  public let virtualEnd: UInt64
  /// The entry point.
  public let entry: UInt64
  /// The hypercall page, to be filled in, when the kernel has one.
  public let hypercallPage: UInt64?
  /// Where the physical-to-machine list is wanted, when not after the image.
  public let initialP2M: UInt64?
  /// Added to an ELF physical address, modulo 2^64, it gives the virtual one.
  private let displacement: UInt64

  /// Combines and checks.
  ///
  /// - Throws: `badVirtualBase`, `badEntry`, `badHypercallPage`, `badInitialP2M`, `badHypervisorStart`.
  public init(_ image: ELFImage, _ notes: XenNotes) throws(KernelError) {
    let base = notes.virtualBase ?? 0
    let offset = notes.physicalOffset ?? 0
    // Pseudo-physical addresses start at zero, so no segment may lie below the offset.
    guard image.physicalStart >= offset, base & (pageSize - 1) == 0 else { throw .badVirtualBase }
    let (start, startOverflow) = base.addingReportingOverflow(image.physicalStart - offset)
    let (end, endOverflow) = base.addingReportingOverflow(image.physicalEnd - offset)
    guard !startOverflow, !endOverflow, Self.isUsable(start, end) else { throw .badVirtualBase }

    let entry = notes.entry ?? image.entry
    guard entry >= start, entry < end else { throw .badEntry }

    var hypercallPage = notes.hypercallPage
    if let number = notes.hypercallPageNumber {
      guard number <= end >> 12 else { throw .badHypercallPage }
      let (page, overflow) = base.addingReportingOverflow(number << 12)
      guard !overflow else { throw .badHypercallPage }
      hypercallPage = page
    }
    if let page = hypercallPage {
      guard page & (pageSize - 1) == 0, page >= start, page < end, end - page >= pageSize else {
        throw .badHypercallPage
      }
    }

    if let list = notes.initialP2M {
      let (firstPageEnd, overflow) = list.addingReportingOverflow(pageSize)
      guard list & (pageSize - 1) == 0, !overflow, Self.isUsable(list, firstPageEnd), list < start || list >= end else {
        throw .badInitialP2M
      }
    }
    if let low = notes.hypervisorStartLow, low > hypervisorStart { throw .badHypervisorStart }

    self.virtualBase = base
    self.virtualStart = start
    self.virtualEnd = end
    self.entry = entry
    self.hypercallPage = hypercallPage
    self.initialP2M = notes.initialP2M
    self.displacement = base &- offset
  }

  /// Where a segment of the same image goes.
  public func virtualAddress(of segment: ELFSegment) -> UInt64 { segment.physicalAddress &+ displacement }

  /// The pseudo-physical address (an offset into the domain's memory) of a segment of the same image.
  public func domainAddress(of segment: ELFSegment) -> UInt64 {
    segment.physicalAddress &+ displacement &- virtualBase
  }

  /// True when `start..<end`, not empty, is canonical, does not cross the gap, and stays out of the hypervisor's
  /// region.
  private static func isUsable(_ start: UInt64, _ end: UInt64) -> Bool {
    if end < lowHalfEnd { return true }
    guard start >= highHalfStart else { return false }
    return end <= hypervisorStart || start >= hypervisorEnd
  }
}
