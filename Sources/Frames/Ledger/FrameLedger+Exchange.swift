// SPDX-License-Identifier: Apache-2.0
// Frames that change hands as a whole or not at all (XENMEM_exchange): withheld while it is not yet decided.
//
// A withheld frame is allocated to its owner and counted as theirs, but has no reference: nobody can name it. It becomes
// usable again, or goes to the allocator. Either way the owner's count stays as it was: what is exchanged is as much as before.
import Machine
import XenABI

/// Extents of withheld frames of one order, chained through their first frames' link words.
public struct WithheldFrames: ~Copyable {
  /// How many frames each extent has, as a power of two.
  public let order: Int
  /// How many extents there are.
  public private(set) var count = 0
  var first = MachineFrame.invalid
  var last = MachineFrame.invalid

  /// No extents yet.
  public init(order: Int) { self.order = order }

  mutating func append(_ extent: MachineFrame, _ ledger: borrowing FrameLedger) {
    ledger.words.store(ledger.linkIndex(extent), MachineFrame.invalid.number)
    if first == .invalid { first = extent } else { ledger.words.store(ledger.linkIndex(last), extent.number) }
    last = extent
    count &+= 1
  }

  /// Takes the extents out again, in the order in which they came.
  mutating func next(_ ledger: borrowing FrameLedger) -> MachineFrame? {
    guard count > 0 else { return nil }
    let extent = first
    count &-= 1
    first = MachineFrame(ledger.words.load(ledger.linkIndex(extent)))
    // What stood here was a link, not the time of the last use: now is later than that (F1).
    ledger.words.store(ledger.linkIndex(extent), TLB.clock)
    return extent
  }
}

extension FrameLedger {
  /// Withholds an extent of a domain's frames. Each must be allocated to the domain and have no use besides. False if one is
  /// not so; nothing has changed then.
  public func withhold(_ extent: MachineFrame, from owner: DomainID, into list: inout WithheldFrames) -> Bool {
    let size = UInt64(1) &<< UInt64(list.order)
    guard extent.number <= frameCount, size <= frameCount &- extent.number else { return false }
    for index in 0..<size where !withholdOne(extent + index, owner) {
      for done in 0..<index { restore(extent + done) }
      return false
    }
    list.append(extent, self)
    return true
  }

  private func withholdOne(_ frame: MachineFrame, _ owner: DomainID) -> Bool {
    guard self.owner(frame) == owner, takeLastReference(frame) else { return false }
    // The one reference was the allocation; a use would have had its own (I5). The owner cannot change without one.
    if self.owner(frame) == owner && type(frame).count == 0 && !type(frame).isPartial { return true }
    restore(frame)
    return false
  }

  private func restore(_ frame: MachineFrame) { words.fetchAdd(countIndex(frame), 1) }

  /// Takes an extent from the allocator, withheld, without counting it as the owner's: it takes another one's place. Cleared.
  /// False without memory.
  public func allocateWithheld(for owner: DomainID, limit: UInt64, into list: inout WithheldFrames) -> Bool {
    let order = list.order
    guard let first = takeBlock(order: order, limit: limit) else { return false }
    settleDirty(first, order: order)
    accounts.noteFrames(owner, first, UInt64(1) &<< UInt64(order))
    for index in 0..<UInt64(1) &<< UInt64(order) {
      let frame = first + index
      if words.load(countIndex(frame)) & FrameLedger.dirty != 0 { PhysicalWindow.clear(frame) }
      words.store(typeIndex(frame), 0)
      words.store(ownerIndex(frame), UInt64(owner.raw))
      words.store(countIndex(frame), FrameLedger.allocated)
    }
    list.append(first, self)
    return true
  }

  /// Gives the list's next extent to its owner for use; nil when all are given.
  public func release(next list: inout WithheldFrames) -> MachineFrame? {
    guard let extent = list.next(self) else { return nil }
    for index in 0..<UInt64(1) &<< UInt64(list.order) { restore(extent + index) }
    return extent
  }

  /// Gives the list's next extent to the allocator; nil when all are given. The caller has told the machine-to-physical table.
  public func discard(next list: inout WithheldFrames) -> MachineFrame? {
    guard let extent = list.next(self) else { return nil }
    // As `lastReferenceDropped`, but in one go: a large extent's frames one by one would take longer than a stretch.
    let (owner, order) = (owner(extent), list.order)
    for index in 0..<UInt64(1) &<< UInt64(order) {
      words.store(typeIndex(extent + index), 0)
      words.store(countIndex(extent + index), FrameLedger.dirty)
      words.store(ownerIndex(extent + index), FrameAllocator.inside)
    }
    TLB.flushLocal()
    noteFreed(TLB.clock)
    // A guest's extent begins anywhere; the allocator's blocks begin at multiples of their sizes.
    withAllocator { allocator, ledger in
      var (block, left) = (extent, UInt64(1) &<< UInt64(order))
      while left > 0 {
        let part = min(block.number.trailingZeroBitCount, 63 &- left.leadingZeroBitCount)
        allocator.free(ledger, block, order: part)
        block = block + 1 &<< UInt64(part)
        left &-= 1 &<< UInt64(part)
      }
    }
    if accounts.isClosed(owner) { noteLeft(owner) }
    return extent
  }

  /// The extent that `release` or `discard` will give next.
  public func peek(_ list: borrowing WithheldFrames) -> MachineFrame? { list.count > 0 ? list.first : nil }
}
