// SPDX-License-Identifier: Apache-2.0
// Taking page tables apart when their last use is gone, bit by bit.
//
// A dying table is partial too: the owner word says how many of its entries, from the start, still hold references. Dying
// tables queue up in their domain's `PageTableWork` through the link words; a lower table that loses its last use on the way
// joins the queue, so nothing recurses.
import Machine
import XenABI

extension FrameLedger {
  /// Gives up a use of a page table. The last one sends it to the teardown queue. The caller's reference stays its own.
  func release(_ table: MachineFrame, _ work: inout PageTableWork) {
    let index = typeIndex(table)
    while true {
      let seen = words.load(index)
      let word = TypeWord(seen)
      precondition(word.count > 0, "table use count below zero")
      if word.count > 1 {
        if words.compareExchange(index, expected: seen, desired: seen &- 1) == seen { return }
        continue
      }
      // The state's own reference. The limit does not bind it: it leaves room for one for each frame there can be, and this
      // must not be refused, however many mappings the guest has made of its table.
      words.fetchAdd(countIndex(table), 1)
      setProgress(table, 512)
      let desired = TypeWord(word.type, count: 0, flags: TypeWord.partial | TypeWord.dying).raw
      if words.compareExchange(index, expected: seen, desired: desired) == seen {
        enqueue(table, &work)
        return
      }
      drop(table)
    }
  }

  /// Sends a partial table to the teardown queue: validation found it bad, or it is wanted otherwise.
  func abandon(_ table: MachineFrame, _ work: inout PageTableWork) {
    let index = typeIndex(table)
    let word = TypeWord(words.load(index))
    guard word.isPartial, !word.isDying else { return }
    words.store(index, word.raw | TypeWord.dying)
    enqueue(table, &work)
    // The table below, at which this one's validation waits, if it waits at one: nobody else will come back for it.
    guard let level = word.type.level, level > 1, progress(table) < 512 else { return }
    let entry = PhysicalWindow.load(table, word: progress(table))
    guard entry & PTE.present != 0, !isHypervisorSlot(level, progress(table)) else { return }
    let lower = MachineFrame(physical: entry & PTE.frameMask)
    guard covers(lower), owner(lower) == owner(table), type(lower).type == .pageTable(level &- 1) else { return }
    abandonLower(lower, &work)
  }

  // Three levels at most below a top-level table: a chain of plain calls, not a recursion on guest data.
  private func abandonLower(_ table: MachineFrame, _ work: inout PageTableWork) {
    var table = table
    for _ in 0..<3 {
      let word = type(table)
      guard word.isPartial, !word.isDying, let level = word.type.level else { return }
      words.store(typeIndex(table), word.raw | TypeWord.dying)
      enqueue(table, &work)
      guard level > 1, progress(table) < 512 else { return }
      let entry = PhysicalWindow.load(table, word: progress(table))
      let lower = MachineFrame(physical: entry & PTE.frameMask)
      guard entry & PTE.present != 0, covers(lower), owner(lower) == owner(table),
        type(lower).type == .pageTable(level &- 1)
      else { return }
      table = lower
    }
  }

  /// Ends what makes a frame a table without being an entry: its pin, or a validation that stopped half-way and that nobody will
  /// come back to. For a domain's end, under its page-table lock; the queue is drained afterwards.
  public func relinquish(_ frame: MachineFrame, owner: DomainID, _ work: inout PageTableWork) {
    guard take(frame, owner: owner) else { return }
    defer { drop(frame) }
    if words.fetchAnd(typeIndex(frame), ~TypeWord.pinned) & TypeWord.pinned != 0 {
      release(frame, &work)
      drop(frame)
    } else {
      abandon(frame, &work)
    }
  }

  private func enqueue(_ table: MachineFrame, _ work: inout PageTableWork) {
    words.store(linkIndex(table), work.first.number)
    work.first = table
  }

  /// Rule T1, before anything is validated: takes the domain's dead tables apart.
  ///
  /// - Throws: `restart` if the stretch is over before all are.
  @inline(__always)
  func takeDeadApart(_ session: inout TableSession) throws(XenError) {
    if !session.work.isEmpty { guard drain(&session.work) else { throw .restart } }
  }

  /// Takes queued tables apart until there are none or the stretch is over. Gives whether none are left. (Rule T1.)
  public func drain(_ work: inout PageTableWork) -> Bool {
    while work.first != .invalid {
      guard !Stretch.isOver else { return false }
      let table = work.first
      guard let level = type(table).type.level else { preconditionFailure("a frame in the queue is no table") }
      var left = progress(table)
      // Children that die join in front: take this one off before looking at its entries, and put it back if time is up.
      work.first = MachineFrame(words.load(linkIndex(table)))
      while true {
        left = PhysicalWindow.lastWord(table, before: left, with: PTE.present)
        if left == 0 { break }
        let index = left &- 1
        if isHypervisorSlot(level, index) {
          left = HypervisorSpace.firstSlot
          continue
        }
        let entry = PhysicalWindow.load(table, word: index)
        if entry & PTE.present != 0 || index & 7 == 0 {
          guard !Stretch.isOver else {
            setProgress(table, left)
            enqueue(table, &work)
            return false
          }
          Stretch.spend()
        }
        if entry & PTE.present != 0 {
          if level == 1 {
            dismissLevel1(entry)
            // A grant mapping's entry must not outlive the table's use: the frame is the guest's to write again.
            if entry & PTE.grantMapping != 0 { PhysicalWindow.store(table, word: index, 0) }
          } else {
            dismissHigher(entry, from: table, level: level, &work)
          }
        }
        left = index
      }
      if level == 4 {
        for slot in HypervisorSpace.firstSlot..<HypervisorSpace.endSlot { PhysicalWindow.store(table, word: slot, 0) }
      }
      Stretch.spend(Stretch.table)
      setProgress(table, 0)
      setLinear(table, uses: 0, users: 0)
      // Unused from here on; the stamp says from when (F1).
      words.store(linkIndex(table), TLB.clock)
      words.store(typeIndex(table), TypeWord(.pageTable(level), count: 0).raw)
      drop(table)
    }
    return true
  }
}
