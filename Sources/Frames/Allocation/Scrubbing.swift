// SPDX-License-Identifier: Apache-2.0
// Clearing free frames before somebody wants them: by CPUs that have nothing else to do, and piece by piece for a large extent
// that is about to be allocated.
//
// A frame is cleared where it is, in its free block and under the allocator's lock, a few at a time: so the count of free frames
// stays right at all times, and nobody finds memory exhausted that is only being scrubbed.
//
// Named rule F2: a frame is marked clean only when no CPU can write to it any more by a translation from its old use. Who
// allocates a dirty frame flushes before clearing it (F1); so does who scrubs.
import Machine
import XenABI

extension FrameAllocator {
  /// Clears up to `limit` frames of a free block, from where it is known to be clean on. Gives whether 2^`order` frames from its
  /// start on are clean then.
  mutating func scrub(
    _ ledger: borrowing FrameLedger, _ block: UInt64, _ blockOrder: Int, order: Int, limit: Int
  ) -> Bool {
    let end = UInt64(1) &<< UInt64(order)
    var clean = remove(ledger, block, blockOrder)
    var left = limit
    // To find a frame clean already costs a little too.
    var looks = limit &* 32
    while clean < end && left > 0 && looks > 0 {
      let frame = MachineFrame(block &+ clean)
      if ledger.words.load(ledger.countIndex(frame)) & FrameLedger.dirty != 0 {
        // What is zero already (most of a machine's memory after its start) is not written.
        if PhysicalWindow.firstWord(frame, from: 0, with: UInt64.max) < 512 { PhysicalWindow.clear(frame) }
        ledger.words.fetchAnd(ledger.countIndex(frame), ~FrameLedger.dirty)
        left &-= 1
      }
      looks &-= 1
      clean &+= 1
    }
    push(ledger, block, blockOrder, clean: clean)
    return clean >= end
  }

  /// A block with frames that are not known to be clean; large ones first, as they are what takes long to allocate.
  func unknownBlock() -> (block: UInt64, order: Int)? {
    for order in (0...FrameAllocator.maxOrder).reversed() where heads[order] != FrameAllocator.end {
      return (heads[order], order)
    }
    return nil
  }
}

extension FrameLedger {
  /// How many frames a scrubber clears at a time: some microseconds' worth, for which others may wait for the allocator.
  static var scrubStretch: Int { 16 }

  /// Clears a few free frames, if there are enough that may hold old data to be worth the while: for idle CPUs.
  ///
  /// - Returns: Whether there was anything to do.
  public func scrubSome() -> Bool {
    guard withAllocator({ allocator, _ in allocator.unknownFrames }) >= 64 else { return false }
    settleFreed()
    return withAllocator { allocator, ledger in
      guard ledger.isSettled, let found = allocator.unknownBlock() else { return false }
      _ = allocator.scrub(ledger, found.block, found.order, order: found.order, limit: FrameLedger.scrubStretch)
      return true
    }
  }

  /// Clears a few of the frames that an allocation of 2^order frames below frame `limit` would get.
  ///
  /// - Returns: Whether it would find them all clean, or fail, or must clear them itself. Nobody is kept from taking those
  ///   frames first.
  public func prepare(order: Int, limit: UInt64 = UInt64.max) -> Bool {
    settleFreed()
    return withAllocator { allocator, ledger in
      guard let found = allocator.find(ledger, order: order, limit: limit) else { return true }
      if allocator.clean(ledger, found.block) >= 1 &<< UInt64(order) { return true }
      guard ledger.isSettled else { return true }
      return allocator.scrub(ledger, found.block, found.order, order: order, limit: FrameLedger.scrubStretch)
    }
  }

  /// How many free frames are not known to be clean.
  public var unscrubbedFrames: UInt64 { withAllocator { allocator, _ in allocator.unknownFrames } }

  /// F2: whether no CPU has a translation of a frame that is free now. Under the allocator's lock: frames come into its lists
  /// after their stamp.
  var isSettled: Bool {
    let stamp = rest[].freeStamp.load()
    guard stamp != 0 else { return true }
    for cpu in 0..<CPUs.started where CPUs.isOnline(cpu) && !TLB.hasFlushed(cpu, since: stamp) { return false }
    return true
  }
}
