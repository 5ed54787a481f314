// SPDX-License-Identifier: Apache-2.0
// Making a frame a page table: every entry checked, level by level, without recursion, stopping where the time is up.
//
// A table under validation is partial: it has its type, no uses yet, and one reference that belongs to this state. The owner
// word says how many entries have been admitted. Stopping leaves tables of up to four levels partial, each waiting at the
// entry that leads to the next; going on starts again from the top and finds each where it stopped. A table that turns out bad
// is taken apart from there (Teardown.swift), with everything above it that was waiting for it.
import Machine
import XenABI

extension TypeWord {
  /// A partial table that is being taken apart.
  public static let dying: UInt64 = 1 &<< 56
  /// Whether it is being taken apart.
  @inlinable public var isDying: Bool { raw & TypeWord.dying != 0 }
  /// A partial table that the operation at work right now is validating: an entry below it that wants it otherwise is bad.
  public static let active: UInt64 = 1 &<< 55
  /// Whether the operation at work is validating it.
  @inlinable public var isActive: Bool { raw & TypeWord.active != 0 }
}

extension Stretch {
  /// What it takes to look through a table, besides its entries: or tables without any would cost nothing.
  static let table: Int32 = 16
}

extension FrameLedger {
  /// Adds a use of a frame as page table of `level`, validating it if it is not one yet. The caller holds a reference and the
  /// domain's page-table lock.
  ///
  /// - Throws: `invalid` if the frame is in another use or an entry is bad; `restart` if the stretch is over.
  func promote(_ frame: MachineFrame, level: Int, _ session: inout TableSession) throws(XenError) {
    if takeValidated(frame, level: level) { return }
    try claim(frame, level: level, &session.work)
    try validate(frame, level: level, &session)
  }

  /// Adds a use of a table that is validated already. False if it is not a table of that level.
  @inline(__always)
  func takeValidated(_ frame: MachineFrame, level: Int) -> Bool {
    let index = typeIndex(frame)
    var seen = words.load(index)
    while true {
      let word = TypeWord(seen)
      guard word.isTable(level: level), word.isValidated, word.count < FrameLedger.countLimit else { return false }
      let found = words.compareExchange(index, expected: seen, desired: seen &+ 1)
      if found == seen { return true }
      seen = found
    }
  }

  /// Makes an unused frame partial as a table of `level`, or finds it so. Rules I1 and F1.
  func claim(_ frame: MachineFrame, level: Int, _ work: inout PageTableWork) throws(XenError) {
    let index = typeIndex(frame)
    var seen = words.load(index)
    while true {
      let word = TypeWord(seen)
      if word.isPartial {
        if word.type == .pageTable(level) && !word.isDying { return }
        if word.isActive { throw .invalid }
        if !word.isDying { abandon(frame, &work) }
        throw .restart
      }
      guard word.count == 0, !isShared(frame) else { throw .invalid }
      // The state's own reference.
      guard takeAnother(frame) else { throw .invalid }
      let desired = TypeWord(.pageTable(level), count: 0, flags: TypeWord.partial).raw
      let found = words.compareExchange(index, expected: seen, desired: desired)
      if found == seen {
        setProgress(frame, 0)
        setLinear(frame, uses: 0, users: 0)
        // Not before anybody can see the type: until it is complete only holders of the page-table lock go near it.
        if word.type != .none { settleFlush(frame) }
        return
      }
      drop(frame)
      seen = found
    }
  }

  /// Validates a partial table to the end, and gives it one use.
  private func validate(
    _ top: MachineFrame, level topLevel: Int, _ session: inout TableSession
  ) throws(XenError) {
    // The tables from the top down to the one at work, by level.
    var path = InlineArray<5, MachineFrame>(repeating: .invalid)
    var level = topLevel
    path[level] = top
    words.fetchOr(typeIndex(top), TypeWord.active)
    while true {
      let table = path[level]
      do {
        let waiting: MachineFrame?
        if level == 1 {
          try admitAllLevel1(table, &session)
          waiting = nil
        } else {
          waiting = try admitHigherUntilBlocked(table, level: level, &session)
        }
        if let lower = waiting {
          level &-= 1
          path[level] = lower
          words.fetchOr(typeIndex(lower), TypeWord.active)
          continue
        }
      } catch {
        // The references that the waiting entries took for the tables below them.
        for each in level...topLevel { words.fetchAnd(typeIndex(path[each]), ~TypeWord.active) }
        for above in level..<topLevel { drop(path[above]) }
        if error != .restart { for each in level...topLevel { abandon(path[each], &session.work) } }
        throw error
      }
      complete(table, level: level)
      Stretch.spend(Stretch.table)
      if level == topLevel { return }
      // The entry that led here now holds what it should: the reference it took, and this first use.
      level &+= 1
      setProgress(path[level], progress(path[level]) &+ 1)
    }
  }

  /// A partial table becomes a validated one with one use.
  private func complete(_ table: MachineFrame, level: Int) {
    words.store(typeIndex(table), TypeWord(.pageTable(level), count: 1, flags: TypeWord.validated).raw)
    setProgress(table, 0)
    drop(table)
  }

  private func admitAllLevel1(_ table: MachineFrame, _ session: inout TableSession) throws(XenError) {
    var index = progress(table)
    while true {
      index = PhysicalWindow.firstWord(table, from: index, with: PTE.present)
      if index == 512 { break }
      guard !Stretch.isOver else {
        setProgress(table, index)
        throw .restart
      }
      Stretch.spend()
      let raw = PhysicalWindow.load(table, word: index)
      // The guest cannot change it any more, but let nothing hang on that here.
      if raw & PTE.present != 0 {
        do {
          let entry = try admitLevel1(raw, &session)
          if entry != raw { PhysicalWindow.store(table, word: index, entry) }
        } catch {
          setProgress(table, index)
          throw error
        }
      }
      index &+= 1
    }
    setProgress(table, 512)
  }

  /// Admits entries until the table is through (nil) or one leads to a table that must be validated first: that is given, with
  /// a reference taken for the entry.
  private func admitHigherUntilBlocked(
    _ table: MachineFrame, level: Int, _ session: inout TableSession
  ) throws(XenError) -> MachineFrame? {
    let rules = session.rules
    var index = progress(table)
    if level == 4 && index == 0 { installHypervisorSlots(table, rules) }
    while true {
      index = PhysicalWindow.firstWord(table, from: index, with: PTE.present)
      if index == 512 { break }
      if isHypervisorSlot(level, index) {
        index = HypervisorSpace.endSlot
        continue
      }
      let raw = PhysicalWindow.load(table, word: index)
      if raw & PTE.present != 0 || index & 7 == 0 {
        setProgress(table, index)
        guard !Stretch.isOver else { throw .restart }
      }
      guard raw & PTE.present != 0 else {
        if index & 7 == 0 { Stretch.spend() }
        index &+= 1
        continue
      }
      let entry = try checkHigher(raw, rules)
      let target = MachineFrame(physical: raw & PTE.frameMask)
      guard take(target, owner: rules.tableOwner) else { throw .invalid }
      if takeValidated(target, level: level &- 1) || admitLinear(entry, in: table, level: level, target: target) {
        if entry != raw { PhysicalWindow.store(table, word: index, entry) }
        Stretch.spend()
        index &+= 1
        continue
      }
      // Going down costs nothing by itself: the entries below do, so that every stretch gets somewhere.
      do { try claim(target, level: level &- 1, &session.work) } catch {
        drop(target)
        throw error
      }
      if entry != raw { PhysicalWindow.store(table, word: index, entry) }
      return target
    }
    setProgress(table, 512)
    return nil
  }

  func installHypervisorSlots(_ table: MachineFrame, _ rules: EntryRules) {
    for slot in HypervisorSpace.firstSlot..<HypervisorSpace.endSlot {
      PhysicalWindow.store(table, word: slot, PhysicalWindow.load(rules.hypervisorRoot, word: slot))
    }
  }
}
