// SPDX-License-Identifier: Apache-2.0
//
// Page-table words, the way from a page to its machine frame and back, finding the entry that maps an address, and
// small trees of tables for the low half of an address space.

import CGuestKit

/// Bits of a page-table entry.
public enum PageEntry {
  /// P.
  public static let present: UInt64 = 1
  /// R/W.
  public static let writable: UInt64 = 2
  /// U/S.
  public static let user: UInt64 = 4
  /// PWT.
  public static let writeThrough: UInt64 = 8
  /// PCD.
  public static let cacheDisable: UInt64 = 16
  /// A.
  public static let accessed: UInt64 = 32
  /// D.
  public static let dirty: UInt64 = 64
  /// PS in levels 2 to 4, PAT in level 1.
  public static let large: UInt64 = 128
  /// G.
  public static let global: UInt64 = 256
  /// NX.
  public static let noExecute: UInt64 = 1 << 63
  /// Present, user, accessed, dirty, writable: what Linux gives an upper-level entry.
  public static let table: UInt64 = 0x67

  /// The machine frame an entry names.
  public static func frame(_ entry: UInt64) -> UInt64 { entry >> 12 & 0xff_ffff_ffff }
}

/// Flush flags of update_va_mapping (UVMF_*).
public enum Flush {
  /// UVMF_NONE.
  public static let none: UInt64 = 0
  /// UVMF_TLB_FLUSH.
  public static let all: UInt64 = 1
  /// UVMF_INVLPG.
  public static let onePage: UInt64 = 2
  /// UVMF_ALL.
  public static let allVCPUs: UInt64 = 4
}

/// Machine frames of the guest's pages.
public enum Frames {
  /// The page number (pfn) of an address in the initial mapping.
  public static func page(_ address: UInt64) -> UInt64 { (address &- virtualBase) >> 12 }
  /// The machine frame of an address in the initial mapping.
  public static func machine(_ address: UInt64) -> UInt64 { machine(page: page(address)) }
  /// The machine frame of a page number.
  public static func machine(page: UInt64) -> UInt64 { Memory.load64(StartInfo.frameList + page * 8) }
  /// The hypervisor's machine-to-page table (HYPERVISOR_VIRT_START, machine_to_phys_mapping).
  public static func page(machine frame: UInt64) -> UInt64 { Memory.load64(0xffff_8000_0000_0000 + frame * 8) }
  /// The address in the initial mapping of a machine frame that this domain has.
  public static func address(machine frame: UInt64) -> UInt64 { virtualBase + page(machine: frame) << 12 }
  /// The number of a page that the initial mapping does not cover; each call gives another, from the last page down.
  public static func takeUnmapped() -> UInt64 {
    if unmappedLeft == 0 { unmappedLeft = StartInfo.pageCount }
    unmappedLeft -= 1
    return unmappedLeft
  }
}

private var unmappedLeft: UInt64 = 0

/// A place in a page table.
public struct EntryPlace {
  /// Virtual address of the table's page in the (read-only) initial mapping.
  public var table: UInt64
  /// Entry number, 0 to 511.
  public var index: UInt64

  /// The entry `index` of the table mapped at `table`.
  public init(table: UInt64, index: UInt64) {
    self.table = table
    self.index = index
  }

  /// Machine address, as mmu_update wants it.
  public var machineAddress: UInt64 { Frames.machine(table) << 12 | index * 8 }
  /// Virtual address of the entry.
  public var address: UInt64 { table + index * 8 }
  /// The entry as it is now.
  public var value: UInt64 { Memory.load64(address) }

  /// The entry of `level` (1 to 4) that maps `address` in the start-of-day tables.
  public static func find(_ address: UInt64, level: UInt64 = 1) -> EntryPlace {
    var table = StartInfo.pageTableBase
    var current: UInt64 = 4
    while true {
      let place = EntryPlace(table: table, index: address >> (12 + 9 * (current - 1)) & 511)
      if current == level { return place }
      if place.value & 1 == 0 { Runner.fail("an address has no page table") }
      table = Frames.address(machine: PageEntry.frame(place.value))
      current -= 1
    }
  }
}

/// Fresh tables L4 to L1 for addresses below 2 MiB * 512 around one 2 MiB region.
public struct LowTables {
  /// Virtual address of the L4 table.
  public var l4 = Pages.take()
  /// Virtual address of the L3 table.
  public var l3 = Pages.take()
  /// Virtual address of the L2 table.
  public var l2 = Pages.take()
  /// Virtual address of the L1 table.
  public var l1 = Pages.take()
  /// The region that the L1 table covers.
  public let base: UInt64

  /// Links the four tables, still writable and not yet known to the hypervisor.
  public init(base: UInt64 = 0x40_0000) {
    self.base = base
    Memory.store64(l4 + (base >> 39 & 511) * 8, Frames.machine(l3) << 12 | PageEntry.table)
    Memory.store64(l3 + (base >> 30 & 511) * 8, Frames.machine(l2) << 12 | PageEntry.table)
    Memory.store64(l2 + (base >> 21 & 511) * 8, Frames.machine(l1) << 12 | PageEntry.table)
  }

  /// Writes an L1 entry before the tables are pinned.
  public func set(_ address: UInt64, _ entry: UInt64) { Memory.store64(l1 + (address >> 12 & 511) * 8, entry) }

  /// The place of an L1 entry.
  public func place(_ address: UInt64) -> EntryPlace { EntryPlace(table: l1, index: address >> 12 & 511) }

  /// Takes write access from the four pages.
  public func protect() {
    MMU.protect(l4)
    MMU.protect(l3)
    MMU.protect(l2)
    MMU.protect(l1)
  }

  /// Protects and pins as an L4.
  public func pin() {
    protect()
    if MMU.extended(MMUEXT_PIN_L4_TABLE, Frames.machine(l4)) != 0 { Runner.fail("pinning an L4 table was refused") }
  }
}
