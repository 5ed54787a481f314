// SPDX-License-Identifier: Apache-2.0
// Changing one entry of a live page table: the operation behind mmu_update, update_va_mapping and emulated writes.
import Machine
import XenABI

extension FrameLedger {
  /// Writes an entry of a table of `owner`'s, or a word of an ordinary frame of theirs. Under their page-table lock.
  ///
  /// - Parameters:
  ///   - expected: if given, the write happens only while the entry holds this value (accessed and dirty bits included).
  ///   - keepAccessedDirty: carries the accessed and dirty bits of the old entry over (MMU_PT_UPDATE_PRESERVE_AD).
  /// - Returns: false only if `expected` did not match.
  /// - Throws: `invalid` if the entry is bad or the frame cannot be written; `notPermitted`; `restart` when preempted.
  @discardableResult
  @inline(__always)
  public func updateEntry(
    _ table: MachineFrame, _ index: Int, to raw: UInt64, expected: UInt64? = nil, keepAccessedDirty: Bool = false,
    _ rules: EntryRules, _ work: inout PageTableWork
  ) throws(XenError) -> Bool {
    if !work.isEmpty { guard drain(&work) else { throw .restart } }
    let word = type(table)
    if word.type == .level1 && word.isValidated && word.count > 0 && owner(table) == rules.tableOwner {
      return try updateLevel1(table, index, raw, expected, keepAccessedDirty, rules, &work)
    }
    return try updateOther(table, index, raw, expected, keepAccessedDirty, rules, &work)
  }

  @inline(__always)
  private func updateLevel1(
    _ table: MachineFrame, _ index: Int, _ raw: UInt64, _ expected: UInt64?, _ keepAccessedDirty: Bool,
    _ rules: EntryRules, _ work: inout PageTableWork
  ) throws(XenError) -> Bool {
    let old = PhysicalWindow.load(table, word: index)
    // Same frame with the same rights: the references stay as they are.
    let decisive = PTE.frameMask | PTE.present | PTE.writable | PTE.cacheAttributes | PTE.grantMapping | rules.reserved
    if raw & PTE.present != 0 && (old ^ raw) & decisive == 0 {
      // A grant mapping's accessed bit tells whether a flush is due when it ends: the guest cannot clear it.
      let kept = raw & PTE.grantMapping != 0 ? PTE.user | PTE.accessed : PTE.user
      return exchange(table, index, raw | kept, expected, keepAccessedDirty) != nil
    }
    let entry = try admitLevel1(raw, rules, &work)
    guard let gone = exchange(table, index, entry, expected, keepAccessedDirty) else {
      dismissLevel1(entry)
      return false
    }
    dismissLevel1(gone)
    return true
  }

  /// Puts `entry` in place and gives what was there; nil if `expected` did not match.
  @inline(__always)
  private func exchange(
    _ table: MachineFrame, _ index: Int, _ entry: UInt64, _ expected: UInt64?, _ keepAccessedDirty: Bool
  ) -> UInt64? {
    if let expected {
      return PhysicalWindow.compareExchange(table, word: index, expected: expected, desired: entry) == expected
        ? expected : nil
    }
    guard keepAccessedDirty else { return PhysicalWindow.exchange(table, word: index, entry) }
    // The CPU sets these bits at any time, so only a compare-and-exchange loses none. It can fail twice at most.
    while true {
      let old = PhysicalWindow.load(table, word: index)
      let kept = entry | old & (PTE.accessed | PTE.dirty)
      if PhysicalWindow.compareExchange(table, word: index, expected: old, desired: kept) == old { return old }
    }
  }

  @inline(never)
  private func updateOther(
    _ table: MachineFrame, _ index: Int, _ raw: UInt64, _ expected: UInt64?, _ keepAccessedDirty: Bool,
    _ rules: EntryRules, _ work: inout PageTableWork
  ) throws(XenError) -> Bool {
    guard take(table, owner: rules.tableOwner) else { throw .invalid }
    defer { drop(table) }
    let word = type(table)
    guard word.count > 0, word.isValidated, let level = word.type.level else {
      // Not a table in use: an ordinary word, if the frame may be written.
      guard !isShared(table), takeType(table, .writable) else { throw .invalid }
      defer { dropType(table) }
      return exchange(table, index, raw, expected, keepAccessedDirty) != nil
    }
    if level == 1 { return try updateLevel1(table, index, raw, expected, keepAccessedDirty, rules, &work) }
    guard !isHypervisorSlot(level, index) else { throw .invalid }
    var entry = raw
    if raw & PTE.present != 0 {
      entry = try checkHigher(raw, rules)
      let old = PhysicalWindow.load(table, word: index)
      // Only rights or accessed bits change: nothing to count. A linear entry must stay read-only.
      if (old ^ entry) & (PTE.frameMask | PTE.present | PTE.writable) == 0 {
        return exchange(table, index, entry, expected, keepAccessedDirty) != nil
      }
      let target = MachineFrame(physical: raw & PTE.frameMask)
      guard take(target, owner: rules.tableOwner) else { throw .invalid }
      do {
        if !admitLinear(entry, in: table, level: level, target: target) {
          try promote(target, level: level &- 1, rules, &work)
        }
      } catch {
        drop(target)
        throw error
      }
    }
    guard let gone = exchange(table, index, entry, expected, keepAccessedDirty) else {
      dismissHigher(entry, from: table, level: level, &work)
      return false
    }
    dismissHigher(gone, from: table, level: level, &work)
    return true
  }

  /// Puts the entry of a grant mapping into a level-1 table, or takes one out; the grant holds the references. The table must
  /// be a validated level-1 table of `owner`'s. Gives the old entry; nil if the table is not one.
  ///
  /// What the old entry held is dropped, unless it was a grant's.
  public func exchangeGrantEntry(
    _ table: MachineFrame, _ index: Int, _ entry: UInt64, owner: DomainID, expectedFrame: MachineFrame?
  ) -> UInt64? {
    let word = type(table)
    guard covers(table), self.owner(table) == owner, word.type == .level1, word.isValidated, word.count > 0 else {
      return nil
    }
    let old = PhysicalWindow.load(table, word: index)
    if let expectedFrame {
      guard old & PTE.present != 0, old & PTE.frameMask == expectedFrame.physical, old & PTE.grantMapping != 0 else {
        return nil
      }
    }
    let gone = PhysicalWindow.exchange(table, word: index, entry)
    dismissLevel1(gone)
    return gone
  }
}
