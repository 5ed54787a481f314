// SPDX-License-Identifier: Apache-2.0
// The rules of GrantTable.swift, recounted. For tests and debug builds: it walks everything.
import Frames
import Machine
import XenABI

extension GrantTable {
  /// The first rule that is broken, or nil. What needs two tables (G4) is for the caller to compare.
  public func brokenRule() -> StaticString? {
    var used = 0
    for index in 0..<active.count {
      let entry = active[index]
      if entry.pins.isEmpty {
        if index < entryCount && marks(index) != 0 { return "G3: marks on an entry that is not in use" }
        continue
      }
      used &+= 1
      if entry.kind == .transitive { continue }
      if ledger[].owner(entry.frame) != owner { return "G2: pinned frame with another owner" }
      if ledger[].count(entry.frame) == 0 { return "G2: pinned frame without a reference" }
      if entry.pins.hasWrite {
        let word = ledger[].type(entry.frame)
        if word.type != .writable || word.count == 0 { return "G2: write pin without a writable use" }
      }
      let wanted = entry.pins.hasWrite ? GrantEntryFlag.reading | GrantEntryFlag.writing : GrantEntryFlag.reading
      if index < entryCount && marks(index) != wanted { return "G3: marks do not tell the use" }
    }
    for index in min(active.count, entryCount)..<entryCount where marks(index) != 0 {
      return "G3: marks on an entry that has never been in use"
    }
    if used != entriesInUse { return "count of grants in use" }
    return maptrack.brokenRule()
  }

  // The hypervisor's marks on an entry. An accept_transfer entry of version 1 has other meanings for the bits.
  func marks(_ index: Int) -> UInt32 {
    let both = GrantEntryFlag.reading | GrantEntryFlag.writing
    if version == 2 { return UInt32(PhysicalWindow.load16(statusFrame(index &>> 11), word: index & 2047)) & both }
    let word = PhysicalWindow.load32(sharedFrame(index &>> 9), word: (index & 511) &* 2)
    return word & GrantEntryFlag.typeMask == GrantEntryFlag.acceptTransfer ? 0 : word & both
  }

  /// How many pins of all kinds there are, for comparison with all domains' mappings (G4).
  public var pinCount: Int {
    var sum = 0
    for index in 0..<active.count {
      let counts = active[index].pins.counts
      for kind in 0..<4 { sum &+= Int(counts[kind]) }
    }
    return sum
  }
}

extension Maptrack {
  func brokenRule() -> StaticString? {
    var taken = 0
    for handle in 0..<entries.count where entries[handle].raw & MaptrackEntry.taken != 0 { taken &+= 1 }
    if taken != inUse { return "count of handles" }
    var free = 0
    var at = firstFree
    while at != Maptrack.end && free <= entries.count {
      guard Int(at) < entries.count, entries[Int(at)].raw & MaptrackEntry.taken == 0 else {
        return "list of free handles"
      }
      free &+= 1
      at = UInt32(truncatingIfNeeded: entries[Int(at)].raw)
    }
    return free &+ taken == min(entries.count, limit) ? nil : "handles neither free nor taken"
  }
}
