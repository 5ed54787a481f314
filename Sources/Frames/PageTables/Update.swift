// SPDX-License-Identifier: Apache-2.0
// Changing one entry of a live page table: the operation behind mmu_update, update_va_mapping and emulated writes.
import Machine
import XenABI

/// A word that is to be written into a page table.
public struct EntryChange: BitwiseCopyable {
  /// The table it stands in.
  let table: MachineFrame
  /// Which of its 512 words it is.
  let index: Int
  /// What is to stand there, as the guest says it: not checked.
  let raw: UInt64
  /// If there is one, the write happens only while the entry holds this value (accessed and dirty bits included).
  let expected: UInt64?
  /// Whether the accessed and dirty bits of the old entry are carried over (MMU_PT_UPDATE_PRESERVE_AD).
  let keepsAccessedDirty: Bool

  /// Word `index` of a table becomes `raw`, in the place of whatever stands there or only of what is expected.
  @inline(__always)
  public init(
    _ table: MachineFrame, _ index: Int, to raw: UInt64, expected: UInt64? = nil, keepsAccessedDirty: Bool = false
  ) {
    self.table = table
    self.index = index
    self.raw = raw
    self.expected = expected
    self.keepsAccessedDirty = keepsAccessedDirty
  }
}

extension FrameLedger {
  /// Writes an entry of a table of `owner`'s, or a word of an ordinary frame of theirs. Under their page-table lock.
  ///
  /// - Returns: false only if the change expects another entry than there is.
  /// - Throws: `invalid` if the entry is bad or the frame cannot be written; `notPermitted`; `restart` when preempted.
  @discardableResult
  @inline(__always)
  public func updateEntry(_ change: EntryChange, _ session: inout TableSession) throws(XenError) -> Bool {
    try takeDeadApart(&session)
    let word = type(change.table)
    if word.type == .level1 && word.isValidated && word.count > 0 && owner(change.table) == session.rules.tableOwner {
      return try updateLevel1(change, &session)
    }
    return try updateOther(change, &session)
  }

  @inline(__always)
  private func updateLevel1(_ change: EntryChange, _ session: inout TableSession) throws(XenError) -> Bool {
    let raw = change.raw
    let old = PhysicalWindow.load(change.table, word: change.index)
    // Same frame with the same rights: the references stay as they are.
    let decisive =
      PTE.frameMask | PTE.present | PTE.writable | PTE.cacheAttributes | PTE.grantMapping | session.rules.reserved
    if raw & PTE.present != 0 && (old ^ raw) & decisive == 0 {
      // A grant mapping's accessed bit tells whether a flush is due when it ends: the guest cannot clear it.
      let kept = raw & PTE.grantMapping != 0 ? PTE.user | PTE.accessed : PTE.user
      return exchange(change, raw | kept) != nil
    }
    let entry = try admitLevel1(raw, &session)
    guard let gone = exchange(change, entry) else {
      dismissLevel1(entry)
      return false
    }
    dismissLevel1(gone)
    return true
  }

  /// Puts `entry`, as the change's has been admitted, in its place and gives what was there; nil if something else was
  /// expected.
  @inline(__always)
  private func exchange(_ change: EntryChange, _ entry: UInt64) -> UInt64? {
    let (table, index) = (change.table, change.index)
    if let expected = change.expected {
      return PhysicalWindow.compareExchange(table, word: index, expected: expected, desired: entry) == expected
        ? expected : nil
    }
    guard change.keepsAccessedDirty else { return PhysicalWindow.exchange(table, word: index, entry) }
    // The CPU sets these bits at any time, so only a compare-and-exchange loses none. It can fail twice at most.
    while true {
      let old = PhysicalWindow.load(table, word: index)
      let kept = entry | old & (PTE.accessed | PTE.dirty)
      if PhysicalWindow.compareExchange(table, word: index, expected: old, desired: kept) == old { return old }
    }
  }

  @inline(never)
  private func updateOther(_ change: EntryChange, _ session: inout TableSession) throws(XenError) -> Bool {
    let (table, index, raw, rules) = (change.table, change.index, change.raw, session.rules)
    guard take(table, owner: rules.tableOwner) else { throw .invalid }
    defer { drop(table) }
    let word = type(table)
    guard word.count > 0, word.isValidated, let level = word.type.level else {
      // Not a table in use: an ordinary word, if the frame may be written.
      guard !isShared(table), takeType(table, .writable) else { throw .invalid }
      defer { dropType(table) }
      return exchange(change, raw) != nil
    }
    if level == 1 { return try updateLevel1(change, &session) }
    guard !isHypervisorSlot(level, index) else { throw .invalid }
    var entry = raw
    if raw & PTE.present != 0 {
      entry = try checkHigher(raw, rules)
      let old = PhysicalWindow.load(table, word: index)
      // Only rights or accessed bits change: nothing to count. A linear entry must stay read-only.
      if (old ^ entry) & (PTE.frameMask | PTE.present | PTE.writable) == 0 {
        return exchange(change, entry) != nil
      }
      let target = MachineFrame(physical: raw & PTE.frameMask)
      guard take(target, owner: rules.tableOwner) else { throw .invalid }
      do {
        if !admitLinear(entry, in: table, level: level, target: target) {
          try promote(target, level: level &- 1, &session)
        }
      } catch {
        drop(target)
        throw error
      }
    }
    guard let gone = exchange(change, entry) else {
      dismissHigher(entry, from: table, level: level, &session.work)
      return false
    }
    dismissHigher(gone, from: table, level: level, &session.work)
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
