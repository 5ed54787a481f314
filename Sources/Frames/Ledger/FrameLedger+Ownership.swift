// SPDX-License-Identifier: Apache-2.0
// Frames coming to an owner and going back: allocation, release, and the count of what each domain owns.
//
// A frame that any domain has held, or that held anything before boot, is marked dirty until it has been cleared: nobody gets
// another's data. (The exception is Domain 0's memory at boot: see Boot.)
import Machine
import XenABI

extension FrameLedger {
  /// Count word: the frame is shared by the hypervisor with its owner, and no part of the owner's reservation.
  static let shared: UInt64 = 1 &<< 62
  /// Count word: a domain that does not own the frame has had it in its page tables, since it was allocated or transferred.
  static let foreign: UInt64 = 1 &<< 59
  /// Count word: the frame holds old data.
  static let dirty: UInt64 = 1 &<< 61
  /// Count word: the allocation has ended, but others still hold references. The frame counts as its owner's until the last
  /// is gone: a domain that keeps given-up frames mapped must not get others for them.
  static let surrendered: UInt64 = 1 &<< 60

  /// Hands a range of RAM to the allocator. At boot.
  public func addMemory(start: UInt64, end: UInt64) {
    var at = start
    let end = min(end, frameCount)
    while at < end {
      var order = FrameAllocator.maxOrder
      while at & (1 &<< UInt64(order) &- 1) != 0 || at &+ 1 &<< UInt64(order) > end { order &-= 1 }
      for frame in at..<at &+ 1 &<< UInt64(order) {
        words.store(countIndex(MachineFrame(frame)), FrameLedger.dirty)
        words.store(ownerIndex(MachineFrame(frame)), FrameAllocator.inside)
      }
      let (first, size) = (MachineFrame(at), order)
      withAllocator { allocator, ledger in allocator.free(ledger, first, order: size) }
      at &+= 1 &<< UInt64(order)
    }
  }

  /// Says that a range of frames is the hypervisor's for good (its image, its tables): no guest can take references to it.
  public func claim(start: UInt64, end: UInt64) {
    for frame in start..<min(end, frameCount) {
      words.store(ownerIndex(MachineFrame(frame)), UInt64(DomainID.xen.raw))
      words.store(countIndex(MachineFrame(frame)), 0)
      words.store(typeIndex(MachineFrame(frame)), 0)
    }
  }

  /// How many frames are free.
  public var freeFrames: UInt64 {
    withAllocator { allocator, _ in allocator.freeFrames }
  }

  /// A frame for the hypervisor's own use, cleared; nil without memory. Only `freeOwn` gives it back.
  public func allocateOwn(order: Int = 0) -> MachineFrame? {
    guard let first = takeBlock(order: order) else { return nil }
    settleDirty(first, order: order)
    for index in 0..<UInt64(1) &<< UInt64(order) {
      let frame = first + index
      if words.load(countIndex(frame)) & FrameLedger.dirty != 0 { PhysicalWindow.clear(frame) }
      words.store(ownerIndex(frame), UInt64(DomainID.xen.raw))
      words.store(linkIndex(frame), 0)
      words.store(countIndex(frame), 0)
      words.store(typeIndex(frame), 0)
    }
    return first
  }

  /// F1 for frames that have just been allocated: has every CPU flush that may still have a translation from a former owner.
  /// Nobody has one to a clean frame: it was cleared when nobody had (F2), and a free frame gets no new ones.
  func settleDirty(_ first: MachineFrame, order: Int) {
    for index in 0..<UInt64(1) &<< UInt64(order)
    where words.load(countIndex(first + index)) & FrameLedger.dirty != 0 {
      return settleFreed()
    }
  }

  /// F1 for all frames that are free: has every CPU flush that may still have a translation from a former owner.
  func settleFreed() {
    let stamp = rest[].freeStamp.load()
    guard stamp != 0 else { return }
    flushStale(allCPUs, since: stamp)
  }

  /// Every CPU that takes part in the machine.
  var allCPUs: CPUSet {
    var all = CPUSet()
    for cpu in 0..<CPUs.started where CPUs.isOnline(cpu) { all.insert(cpu) }
    return all
  }

  /// The CPUs that may have translations of a frame of `owner`'s: those that use its page tables; all of them if others have
  /// had the frame in theirs.
  func mayTranslate(_ frame: MachineFrame, owner: DomainID) -> CPUSet {
    words.load(countIndex(frame)) & FrameLedger.foreign != 0 ? allCPUs : accounts.translating(owner)
  }

  /// Gives back what `allocateOwn` gave.
  public func freeOwn(_ first: MachineFrame, order: Int = 0) {
    for index in 0..<UInt64(1) &<< UInt64(order) {
      words.store(countIndex(first + index), FrameLedger.dirty)
      words.store(typeIndex(first + index), 0)
      words.store(ownerIndex(first + index), FrameAllocator.inside)
    }
    withAllocator { allocator, ledger in allocator.free(ledger, first, order: order) }
  }

  /// A frame that the hypervisor shares with a domain: owned by it and usable by it as a writable frame, but no part of its
  /// reservation. The hypervisor holds a general reference and a writable use, which `endSharing` drops. Cleared.
  public func allocateShared(with owner: DomainID) -> MachineFrame? {
    guard let frame = allocateOwn() else { return nil }
    share(frame, with: owner)
    return frame
  }

  /// Makes an own frame one that is shared with a domain.
  public func share(_ frame: MachineFrame, with owner: DomainID) {
    accounts.chargeShared(owner)
    words.store(ownerIndex(frame), UInt64(owner.raw))
    words.store(typeIndex(frame), TypeWord(.writable, count: 1, flags: TypeWord.validated).raw)
    words.store(countIndex(frame), FrameLedger.shared | 1)
  }

  /// Lets those who may act for DOMID_XEN read an own frame: it can be mapped, but never written or used as a table.
  public func shareReadOnly(_ frame: MachineFrame) {
    words.store(ownerIndex(frame), UInt64(DomainID.xen.raw))
    words.store(typeIndex(frame), TypeWord(.none, count: 1).raw)
    words.store(countIndex(frame), FrameLedger.shared | 1)
  }

  /// Ends sharing: the frame is freed when the domain, too, has dropped its last mapping of it.
  public func endSharing(_ frame: MachineFrame) {
    dropType(frame)
    drop(frame)
  }

  /// Whether the frame is one that the hypervisor shares.
  public func isShared(_ frame: MachineFrame) -> Bool {
    covers(frame) && words.load(countIndex(frame)) & FrameLedger.shared != 0
  }

  /// 2^order frames for a domain, within its limit; each allocated with one reference, the allocation itself. Old data is
  /// cleared unless `keepOldData`. Nil when the domain's limit or the memory is exhausted.
  public func allocate(
    for owner: DomainID, order: Int = 0, limit: UInt64 = UInt64.max, keepOldData: Bool = false
  ) -> MachineFrame? {
    let size = UInt64(1) &<< UInt64(order)
    guard accounts.charge(owner, size) else { return nil }
    guard let first = takeBlock(order: order, limit: limit) else {
      accounts.release(owner, size)
      return nil
    }
    settleDirty(first, order: order)
    accounts.noteFrames(owner, first, size)
    for index in 0..<size {
      let frame = first + index
      if words.load(countIndex(frame)) & FrameLedger.dirty != 0 && !keepOldData { PhysicalWindow.clear(frame) }
      words.store(typeIndex(frame), 0)
      words.store(linkIndex(frame), 0)
      words.store(ownerIndex(frame), UInt64(owner.raw))
      words.store(countIndex(frame), FrameLedger.allocated | 1)
    }
    return first
  }

  /// Ends a frame's allocation to `owner`: drops the reference that the allocation is. The frame is freed when no other is
  /// left. False if it is not allocated to them.
  public func endAllocation(_ frame: MachineFrame, owner: DomainID) -> Bool {
    guard take(frame, owner: owner) else { return false }
    defer { drop(frame) }
    let index = countIndex(frame)
    var seen = words.load(index)
    while true {
      guard seen & FrameLedger.allocated != 0 else { return false }
      let desired = seen & ~FrameLedger.allocated | FrameLedger.surrendered
      let found = words.compareExchange(index, expected: seen, desired: desired)
      if found == seen { break }
      seen = found
    }
    drop(frame)
    return true
  }

  /// Moves an allocated frame to another owner, which must be the only use of it: one reference and no type use. False if it
  /// is not so, or if the new owner is at its limit; nothing has changed then.
  public func transfer(_ frame: MachineFrame, from old: DomainID, to new: DomainID) -> Bool {
    guard beginTransfer(frame, from: old) else { return false }
    if completeTransfer(frame, from: old, to: new) { return true }
    abandonTransfer(frame)
    return false
  }

  /// Takes an allocated frame's only reference, so that nobody can name it, and every translation of it. False if there are other
  /// uses; nothing has changed then. `completeTransfer` or `abandonTransfer` has to follow. With no lock held: it may have to
  /// wait for other CPUs.
  public func beginTransfer(_ frame: MachineFrame, from old: DomainID) -> Bool {
    guard covers(frame), owner(frame) == old, type(frame).count == 0, !type(frame).isPartial else { return false }
    // From one reference to none: nobody can take one now.
    guard takeLastReference(frame) else { return false }
    // Who lost the race for it may have changed it before the reference was ours.
    guard owner(frame) == old, type(frame).count == 0, !type(frame).isPartial else {
      abandonTransfer(frame)
      return false
    }
    // Reading, too, must end with the old owner's right to it; no stamp tells of mappings that could only read. (F1)
    TLB.flush(mayTranslate(frame, owner: old))
    return true
  }

  /// Gives a frame whose transfer has begun to its new owner. False if that one is at its limit.
  public func completeTransfer(_ frame: MachineFrame, from old: DomainID, to new: DomainID) -> Bool {
    guard accounts.charge(new, 1) else { return false }
    accounts.release(old, 1)
    accounts.noteFrames(new, frame, 1)
    words.store(typeIndex(frame), 0)
    words.store(linkIndex(frame), 0)
    words.store(ownerIndex(frame), UInt64(new.raw))
    words.store(countIndex(frame), FrameLedger.allocated | words.load(countIndex(frame)) & FrameLedger.dirty | 1)
    return true
  }

  /// Takes the reference that the frame's allocation is, if it is the only one: nobody can take another then. Gives whether it
  /// was.
  ///
  /// A stranger who has owned the frame until just now may be about to find that it does not any more, and have counted itself
  /// for that long (`take`). That is not the owner's fault, so a few turns are waited for.
  func takeLastReference(_ frame: MachineFrame) -> Bool {
    for _ in 0..<64 {
      let seen = words.load(countIndex(frame))
      guard seen & FrameLedger.allocated != 0, seen & FrameLedger.countMask != 0 else { return false }
      if seen & FrameLedger.countMask > 1 {
        Waiting.step()
      } else if words.compareExchange(countIndex(frame), expected: seen, desired: seen &- 1) == seen {
        return true
      }
    }
    return false
  }

  /// Gives a frame whose transfer has begun back to its owner.
  public func abandonTransfer(_ frame: MachineFrame) { words.fetchAdd(countIndex(frame), 1) }

  /// Moves the stamp of the last frame freed forward: CPUs free frames at the same time, and the latest counts.
  func noteFreed(_ stamp: UInt64) {
    var seen = rest[].freeStamp.load()
    while seen < stamp {
      let found = rest[].freeStamp.compareExchange(expected: seen, desired: stamp)
      if found == seen { return }
      seen = found
    }
  }

  /// I6: the count has reached zero; nobody can name the frame any more.
  func lastReferenceDropped(_ frame: MachineFrame) {
    let (seen, owner) = (words.load(countIndex(frame)), owner(frame))
    if seen & FrameLedger.surrendered != 0 { accounts.release(owner, 1) }
    if seen & FrameLedger.shared != 0 { accounts.releaseShared(owner) }
    let isOwnersEnd = accounts.isClosed(owner)
    words.store(typeIndex(frame), 0)
    words.store(countIndex(frame), FrameLedger.dirty)
    // Somebody may still have a translation to it, if only for reading: whoever allocates next flushes those (F1). This CPU,
    // which most likely has one, forgets it at once, so that its guest sees the frame gone; but not for each frame of a domain
    // that has none of its own address spaces left.
    if !isOwnersEnd || seen & FrameLedger.foreign != 0 { TLB.flushLocal() }
    noteFreed(TLB.clock)
    withAllocator { allocator, ledger in allocator.free(ledger, frame, order: 0) }
    if isOwnersEnd { noteLeft(owner) }
  }
}
