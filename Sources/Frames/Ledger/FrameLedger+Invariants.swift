// SPDX-License-Identifier: Apache-2.0
// The ledger's rules, checked: every reference and use that the tables' entries, pins, allocations and half-done work account
// for is counted again from the tables themselves, for all frames, and compared with what the ledger says.
//
// This looks at every entry of every page table and at every frame, so it is for tests and debug builds. Nothing else may work
// on frames meanwhile. What a rule means is told in docs/invariants.md; F1 shows in no single state and is tested by itself.
import Machine
import XenABI

/// A rule that does not hold, and the frame that shows it.
public struct BrokenRule: BitwiseCopyable {
  /// The rule's name, and what is wrong.
  public let rule: StaticString
  /// The frame that shows it.
  public let frame: MachineFrame
}

/// Counts of references and uses for each frame: room for a recount, and the way to say what is held outside of tables (the
/// hypervisor's own of frames that it shares, base pointers, descriptor tables, `vcpu_info`, grants).
public struct LedgerTally {
  let words: AtomicTable

  /// Frames for the tally of a ledger of `frames` frames.
  public static func framesNeeded(for frames: UInt64) -> UInt64 { (frames &* 16 &+ 4095) &>> 12 }

  /// A tally in `framesNeeded(for:)` frames of the hypervisor's own from `storage` on.
  public init(storage: MachineFrame, frames: UInt64) {
    words = AtomicTable(first: storage, frames: LedgerTally.framesNeeded(for: frames))
  }

  // First word: references in bits 31-0, uses in bits 63-32. Second: linear uses in bits 31-0, linear users in bits 63-32.
  /// Forgets all counts.
  public func clear() { for index in 0..<words.count { words.store(index, 0) } }
  /// Counts references (those that come with uses included) and uses of a frame.
  public func add(_ frame: MachineFrame, references: UInt64, uses: UInt64) {
    let index = Int(frame.number) &* 2
    words.store(index, words.load(index) &+ references &+ uses &<< 32)
  }
  func addLinear(_ frame: MachineFrame, uses: UInt64, users: UInt64) {
    let index = Int(frame.number) &* 2 &+ 1
    words.store(index, words.load(index) &+ uses &+ users &<< 32)
  }
  func references(_ frame: MachineFrame) -> UInt64 { words.load(Int(frame.number) &* 2) & 0xffff_ffff }
  func uses(_ frame: MachineFrame) -> UInt64 { words.load(Int(frame.number) &* 2) &>> 32 }
  func linear(_ frame: MachineFrame) -> UInt64 { words.load(Int(frame.number) &* 2 &+ 1) }
}

extension FrameLedger {
  /// The first rule that does not hold, if there is one.
  ///
  /// - Parameters:
  ///   - tally: Room to count in.
  ///   - hypervisorRoot: The table whose sixteen entries every top-level table must have.
  ///   - nothingDies: Whether all teardown queues are empty, so that no table may be waiting for its teardown (T1).
  ///   - held: What is held for a frame outside of tables; nil if that is not known, and more than the recount is then right.
  public mutating func firstBrokenRule(
    _ tally: LedgerTally, hypervisorRoot: MachineFrame, nothingDies: Bool = true,
    held: LedgerTally? = nil
  ) -> BrokenRule? {
    tally.clear()
    var free: UInt64 = 0
    for number in 0..<frameCount {
      let frame = MachineFrame(number)
      if owner(frame) == .invalid { free &+= 1 }
      if let rule = checkAlone(frame, nothingDies) { return BrokenRule(rule: rule, frame: frame) }
      if let rule = tallyEntries(frame, tally, hypervisorRoot) { return BrokenRule(rule: rule, frame: frame) }
    }
    if free != freeFrames {
      return BrokenRule(rule: "I6: frames are lost between owners and allocator", frame: .invalid)
    }
    for number in 0..<frameCount {
      let frame = MachineFrame(number)
      if let rule = compare(frame, tally, held) { return BrokenRule(rule: rule, frame: frame) }
    }
    return nil
  }

  /// How many frames count as a domain's, counted from the frames: those allocated to it, and those that it has given up while
  /// they were in use.
  public func recountOwned(_ domain: DomainID) -> UInt64 {
    var sum: UInt64 = 0
    for number in 0..<frameCount where owner(MachineFrame(number)) == domain {
      if words.load(countIndex(MachineFrame(number))) & (FrameLedger.allocated | FrameLedger.surrendered) != 0 {
        sum &+= 1
      }
    }
    return sum
  }

  /// What one frame's own words must say.
  private func checkAlone(_ frame: MachineFrame, _ nothingDies: Bool) -> StaticString? {
    let word = type(frame)
    let flags = TypeWord.validated | TypeWord.partial | TypeWord.pinned | TypeWord.dying | TypeWord.active
    // Only a frame in use can have been taken a second time; nobody is at work, so that all is settled.
    let known = 0xf &<< 60 | flags | TypeWord.countMask | (word.count > 0 ? TypeWord.retaken : 0)
    if word.raw &>> 60 > 6 || word.raw & ~known != 0 { return "I1: no such type" }
    if owner(frame) == .xen && isShared(frame) {
      // One that can be read by those who act for DOMID_XEN: a use of no type keeps it from getting one.
      return word.type == .none && word.count == 1 && count(frame) > 0
        ? nil : "I1: a frame shared for reading is used otherwise"
    }
    if word.type == .none && (word.count != 0 || word.raw & flags & ~TypeWord.validated != 0) {
      return "I1: uses of a frame without a type"
    }
    if !owner(frame).isOrdinary {
      if word.count != 0 || count(frame) != 0 || isAllocated(frame) || word.isPartial {
        return "I6: references to a frame that nobody owns"
      }
      return nil
    }
    if count(frame) == 0 { return "I6: a frame without references that was not freed" }
    if word.isActive { return "I2: a validation is under way that nobody is at" }
    if word.isPartial && (word.count != 0 || word.isValidated || word.type.level == nil) {
      return "I2: a half-done table is in use"
    }
    if word.isDying && !word.isPartial { return "I2: a dying table that is not half-done" }
    if word.isDying && nothingDies { return "T1: a dying table is in no queue" }
    if word.count > 0 && !word.isValidated { return "I2: a frame is in use that was not validated" }
    if word.isPinned && (word.type.level == nil || word.count == 0) { return "I4: a pin without a use" }
    return nil
  }

  /// Counts what the entries of a table hold, and looks at the entries themselves.
  private func tallyEntries(_ table: MachineFrame, _ tally: LedgerTally, _ root: MachineFrame) -> StaticString? {
    let word = type(table)
    if word.type == .descriptors && word.count > 0 {
      for slot in 0..<512
      where Descriptor.admit(PhysicalWindow.load(table, word: slot)) != PhysicalWindow.load(table, word: slot) {
        return "I2: a descriptor page holds a bad descriptor"
      }
    }
    guard let level = word.type.level, word.count > 0 || word.isPartial else { return nil }
    // Of a half-done table only the entries before the mark hold anything.
    let end = word.isPartial ? progress(table) : 512
    if end > 512 { return "I2: more entries admitted than there are" }
    for index in 0..<end {
      let entry = PhysicalWindow.load(table, word: index)
      if isHypervisorSlot(level, index) {
        // Any table that the CPU may use has the hypervisor's entries, and no others, in its slots.
        if word.count > 0 && entry != PhysicalWindow.load(root, word: index) {
          return "I2: a slot of the hypervisor's was changed"
        }
        continue
      }
      guard entry & PTE.present != 0 else { continue }
      if entry & PTE.user == 0 { return "I2: an entry that the guest cannot use" }
      let target = MachineFrame(physical: entry & PTE.frameMask)
      let rule = level == 1 ? tallyLevel1(entry, target, tally) : tallyHigher(entry, table, level, target, tally)
      if let rule { return rule }
    }
    return nil
  }

  private func tallyLevel1(_ entry: UInt64, _ target: MachineFrame, _ tally: LedgerTally) -> StaticString? {
    if entry & PTE.grantMapping != 0 || !covers(target) || owner(target) == .io { return nil }
    if !owner(target).isOrdinary && !isShared(target) { return "I3: an entry maps a frame that no domain owns" }
    if entry & PTE.writable != 0 {
      if type(target).type != .writable || type(target).count == 0 {
        return "I3: a writable entry to a frame that is not"
      }
      tally.add(target, references: 1, uses: 1)
    } else {
      tally.add(target, references: 1, uses: 0)
    }
    return nil
  }

  private func tallyHigher(
    _ entry: UInt64, _ table: MachineFrame, _ level: Int, _ target: MachineFrame, _ tally: LedgerTally
  ) -> StaticString? {
    if entry & PTE.large != 0 { return "I2: an entry for a large page" }
    guard covers(target), owner(target) == owner(table) else { return "I3: an entry leads to a table of another's" }
    let word = type(target)
    if word.type == .pageTable(level) {
      if entry & PTE.writable != 0 { return "I3: a linear entry may be written through" }
      tally.add(target, references: 1, uses: target == table ? 0 : 1)
      if target == table { return nil }
      if word.count == 0 { return "I3: a linear entry to a table without uses" }
      tally.addLinear(table, uses: 1, users: 0)
      tally.addLinear(target, uses: 0, users: 1)
      return nil
    }
    if word.type != .pageTable(level &- 1) || word.count == 0 {
      return "I3: an entry leads to no table of the next level"
    }
    tally.add(target, references: 1, uses: 1)
    return nil
  }

  /// Compares a frame's counts with the recount.
  private func compare(
    _ frame: MachineFrame, _ tally: LedgerTally, _ held: LedgerTally?
  ) -> StaticString? {
    guard owner(frame).isOrdinary else {
      if isShared(frame) { return tally.references(frame) < count(frame) ? nil : "I5: references are miscounted" }
      return tally.references(frame) == 0 ? nil : "I6: entries lead to a frame that nobody owns"
    }
    let word = type(frame)
    var references = tally.references(frame)
    var uses = tally.uses(frame)
    if word.type.level != nil && (word.count > 0 || word.isPartial) {
      let linear = linearUses(frame) | linearUsers(frame) &<< 32
      if linear != tally.linear(frame) { return "I3: linear entries are miscounted" }
    }
    if word.isPinned {
      references &+= 1
      uses &+= 1
    }
    if word.isPartial { references &+= 1 }
    if isAllocated(frame) { references &+= 1 }
    if word.count > count(frame) { return "I5: more uses than references" }
    guard let held else {
      if uses > word.count { return "I3: entries and pins are more than the uses" }
      return references > count(frame) ? "I3: entries and pins are more than the references" : nil
    }
    if uses &+ held.uses(frame) != word.count { return "I3: uses are miscounted" }
    return references &+ held.references(frame) == count(frame) ? nil : "I5: references are miscounted"
  }
}
