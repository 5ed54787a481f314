// SPDX-License-Identifier: Apache-2.0
// Single entries: what a guest may write into a table of each level, and which references the entry then holds (rule I3).
//
// Guest kernels run in ring 3 like their applications, so a present entry always gets the user bit; kernel and user mode have
// separate top-level tables instead.
import Machine
import XenABI

/// Bits of entries that mean something to the hypervisor beyond what the CPU makes of them.
extension PTE {
  /// A level-1 entry made by a grant mapping: the mapping holds the references, the entry none. One of the protection-key
  /// bits, which guests cannot use; they find it cleared in what they write themselves.
  public static let grantMapping: UInt64 = 1 &<< 62
  /// Bits that choose caching in a level-1 entry.
  public static let cacheAttributes: UInt64 = writeThrough | cacheDisable | large
}

extension FrameLedger {
  // ---- Level 1 ----

  /// Takes the references of a level-1 entry and gives the entry as it is to be written.
  ///
  /// - Throws: `invalid` for reserved bits, frames that are not there or not the owner's; `busy` for a writable mapping of a
  ///   frame in another use; `notPermitted` for device memory without the right; `restart` if a half-validated table is in the way
  ///   (it is then in the teardown queue).
  @inline(__always)
  func admitLevel1(_ raw: UInt64, _ session: inout TableSession) throws(XenError) -> UInt64 {
    guard raw & PTE.present != 0 else { return raw }
    let rules = session.rules
    guard raw & rules.reserved == 0 else { throw .invalid }
    let entry = (raw | PTE.user) & ~PTE.grantMapping
    let frame = MachineFrame(physical: raw & PTE.frameMask)
    if raw & PTE.cacheAttributes != 0 && !rules.mayMapDevices {
      // A domain that has been given some devices chooses caching for those. Memory it gets as it is: written past the caches, what
      // the hypervisor checks in a page table would not be what the CPU walks. (Who drives the hardware could do as much by DMA.)
      guard !session.work.deviceFrames.isEmpty, owner(frame) == .io else { throw .invalid }
    }
    if raw & PTE.writable != 0 ? takeWritable(frame, owner: rules.frameOwner) : take(frame, owner: rules.frameOwner) {
      if rules.frameOwner != rules.tableOwner { noteForeign(frame) }
      return entry
    }
    return try admitUncommonLevel1(entry, frame, &session)
  }

  @inline(never)
  func admitUncommonLevel1(
    _ entry: UInt64, _ frame: MachineFrame, _ session: inout TableSession
  ) throws(XenError) -> UInt64 {
    let rules = session.rules
    let owner = self.owner(frame)
    if owner == .io {
      // Device memory: not counted, as nobody can own it.
      guard
        rules.mayMapDevices
          || rules.usesOwnDevices && session.work.deviceFrames.contains(frame.number, through: frame.number),
        !rules.forbidsDevice(frame)
      else { throw .notPermitted }
      return entry
    }
    // A table of the domain's own whose validation stopped half-way must not stand in the way of its owner.
    if owner == rules.tableOwner && type(frame).isPartial && !type(frame).isDying && !type(frame).isActive {
      abandon(frame, &session.work)
      throw .restart
    }
    // The frame is theirs, but as a page table or the like it cannot be written.
    throw owner == rules.frameOwner ? .busy : .invalid
  }

  /// Gives up the references of a level-1 entry that is no longer in any table.
  @inline(__always)
  func dismissLevel1(_ entry: UInt64) {
    guard entry & (PTE.present | PTE.grantMapping) == PTE.present else { return }
    let frame = MachineFrame(physical: entry & PTE.frameMask)
    guard covers(frame), owner(frame) != .io else { return }
    if entry & PTE.writable != 0 { dropWritable(frame) } else { drop(frame) }
  }

  // ---- Levels 2 to 4 ----

  /// Whether a higher entry's bits make sense at all: no large pages, no reserved bits. Gives it with the user bit.
  func checkHigher(_ raw: UInt64, _ rules: EntryRules) throws(XenError) -> UInt64 {
    guard raw & (rules.reserved | PTE.large) == 0 else { throw .invalid }
    return raw | PTE.user
  }

  /// Whether slot `index` of a table of `level` is the hypervisor's own.
  @inline(__always)
  func isHypervisorSlot(_ level: Int, _ index: Int) -> Bool {
    level == 4 && index >= HypervisorSpace.firstSlot && index < HypervisorSpace.endSlot
  }

  /// Tries to take the references of an entry that points to a table of its own level: a linear page table. Such an entry must
  /// be read-only. A table may not both be used linearly by others and use others linearly, so chains have one link
  /// (no unbounded work when they are taken apart).
  func admitLinear(
    _ entry: UInt64, in table: MachineFrame, level: Int, target: MachineFrame
  ) -> Bool {
    guard level >= 2, entry & PTE.writable == 0, type(target).type == .pageTable(level) else { return false }
    if target == table { return true }
    guard type(target).isValidated, type(target).count > 0, linearUsers(table) == 0, linearUses(target) == 0,
      linearUsers(target) < 0xffff
    else { return false }
    guard takeValidated(target, level: level) else { return false }
    setLinear(table, uses: linearUses(table) &+ 1, users: linearUsers(table))
    setLinear(target, uses: linearUses(target), users: linearUsers(target) &+ 1)
    return true
  }

  /// Gives up the references of a higher entry that is no longer in `table`. A lower table that loses its last use joins the
  /// teardown queue.
  func dismissHigher(_ entry: UInt64, from table: MachineFrame, level: Int, _ work: inout PageTableWork) {
    guard entry & PTE.present != 0 else { return }
    let target = MachineFrame(physical: entry & PTE.frameMask)
    if type(target).type == .pageTable(level) {
      if target != table {
        setLinear(table, uses: linearUses(table) &- 1, users: linearUsers(table))
        setLinear(target, uses: linearUses(target), users: linearUsers(target) &- 1)
        release(target, &work)
      }
    } else {
      release(target, &work)
    }
    drop(target)
  }

  // ---- Linear counts: bits 47-32 and 63-48 of the owner word, changed only under the page-table lock ----

  func linearUses(_ table: MachineFrame) -> UInt64 { words.load(ownerIndex(table)) &>> 32 & 0xffff }
  func linearUsers(_ table: MachineFrame) -> UInt64 { words.load(ownerIndex(table)) &>> 48 }
  func setLinear(_ table: MachineFrame, uses: UInt64, users: UInt64) {
    let index = ownerIndex(table)
    words.store(index, words.load(index) & 0xffff_ffff | (uses & 0xffff) &<< 32 | (users & 0xffff) &<< 48)
  }

  // ---- Progress: bits 31-16 of the owner word ----

  func progress(_ table: MachineFrame) -> Int { Int(words.load(ownerIndex(table)) &>> 16 & 0xffff) }
  func setProgress(_ table: MachineFrame, _ entries: Int) {
    let index = ownerIndex(table)
    words.store(index, words.load(index) & ~0xffff_0000 | UInt64(entries) &<< 16)
  }
}
