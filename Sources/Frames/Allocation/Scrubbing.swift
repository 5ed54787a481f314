// SPDX-License-Identifier: Apache-2.0
// Clearing free frames before somebody wants them: by CPUs that have nothing else to do, and piece by piece for a large extent
// that is about to be allocated.
//
// Frames are cleared a few at a time, as a *piece* that is taken out of its block for that time: without the allocator's lock,
// which everybody waits for who allocates or frees. A piece counts as free all the while; who finds no memory waits for the
// pieces that are out (`takeBlock`), so that nobody finds memory exhausted that is only being scrubbed.
//
// Named rule F2: a frame is marked clean only when no CPU can write to it any more by a translation from its old use. Who
// allocates a dirty frame flushes before clearing it (F1); so does who scrubs.
import Machine
import XenABI

extension FrameAllocator {
  /// How many frames a piece has, as a power of two: some microseconds' worth.
  static let pieceOrder = 4

  /// Takes the first piece of a free block that is not known to be clean out of the lists.
  mutating func takePiece(_ ledger: borrowing FrameLedger, _ block: UInt64, _ blockOrder: Int) -> Piece {
    var (block, order, clean) = (block, blockOrder, remove(ledger, block, blockOrder))
    let start = block &+ min(clean, 1 &<< UInt64(order) &- 1)
    while order > FrameAllocator.pieceOrder {
      order &-= 1
      let half = UInt64(1) &<< UInt64(order)
      if start >= block &+ half {
        push(ledger, block, order, clean: half)
        block &+= half
        clean &-= half
      } else {
        push(ledger, block &+ half, order, clean: 0)
      }
    }
    piecesTaken &+= 1
    return Piece(first: block, order: order)
  }

  /// Puts a piece back, which is clean now.
  mutating func returnPiece(_ ledger: borrowing FrameLedger, _ piece: Piece) {
    piecesReturned &+= 1
    join(ledger, piece.first, piece.order, clean: 1 &<< UInt64(piece.order))
  }

  /// A block with frames that are not known to be clean; large ones first, as they are what takes long to allocate.
  /// (It changes nothing; what is not `mutating` would get a copy of the lists.)
  mutating func unknownBlock() -> (block: UInt64, order: Int)? {
    for order in (0...FrameAllocator.maxOrder).reversed() {
      if heads[order &+ 19] != FrameAllocator.end { return (heads[order &+ 19], order) }
      if heads[order] != FrameAllocator.end { return (heads[order], order) }
    }
    return nil
  }
}

/// Free frames that are in nobody's list for as long as they are cleared.
struct Piece: BitwiseCopyable {
  var first: UInt64
  var order: Int
}

extension FrameLedger {
  /// Clears a few free frames, if there are enough that may hold old data to be worth the while: for idle CPUs.
  ///
  /// - Returns: Whether there was anything to do.
  public func scrubSome() -> Bool {
    guard withAllocator({ allocator, _ in allocator.unknownFrames }) >= 64, settleForScrubbing() else { return false }
    let piece: Piece? = withAllocator { allocator, ledger in
      guard ledger.isSettled, let found = allocator.unknownBlock() else { return nil }
      return allocator.takePiece(ledger, found.block, found.order)
    }
    guard let piece else { return false }
    scrub(piece)
    return true
  }

  /// Whether what is free can be cleared (F2). Each freed frame asks for a flush of all CPUs before that, and an idle CPU is in no
  /// hurry: others are asked once in a while only, so that who frees much does not disturb everybody.
  private func settleForScrubbing() -> Bool {
    if isSettled { return true }
    guard Stretch.hasPassed(stretches: 10, since: rest[].scrubbersFlush.load()) else { return false }
    rest[].scrubbersFlush.store(Stretch.time)
    settleFreed()
    return true
  }

  /// Clears a few of the frames that an allocation of 2^order frames below frame `limit` would get.
  ///
  /// - Returns: Whether it would find them all clean, or fail, or must clear them itself. Nobody is kept from taking those
  ///   frames first.
  public func prepare(order: Int, limit: UInt64 = UInt64.max) -> Bool {
    func next() -> (isReady: Bool, piece: Piece?) {
      withAllocator { allocator, ledger in
        guard let found = allocator.find(ledger, order: order, limit: limit) else { return (true, nil) }
        if allocator.clean(ledger, found.block) >= 1 &<< UInt64(order) { return (true, nil) }
        guard ledger.isSettled else { return (false, nil) }
        return (false, allocator.takePiece(ledger, found.block, found.order))
      }
    }
    var (isReady, piece) = next()
    if !isReady && piece == nil {
      settleFreed()
      (isReady, piece) = next()
      // Others free frames all the time.
      if piece == nil { return true }
    }
    guard let piece else { return isReady }
    scrub(piece)
    return false
  }

  /// Clears a piece and gives it back. With no lock held.
  private func scrub(_ piece: Piece) {
    for number in piece.first..<piece.first &+ 1 &<< UInt64(piece.order) {
      let frame = MachineFrame(number)
      guard words.load(countIndex(frame)) & FrameLedger.dirty != 0 else { continue }
      // What is zero already (most of a machine's memory after its start) is not written.
      if PhysicalWindow.firstWord(frame, from: 0, with: UInt64.max) < 512 { PhysicalWindow.clear(frame) }
      words.fetchAnd(countIndex(frame), ~FrameLedger.dirty)
      Stretch.spend(Stretch.frame)
    }
    withAllocator { allocator, ledger in allocator.returnPiece(ledger, piece) }
  }

  /// Takes a block from the allocator. Nil without memory: only when no piece is out that might have done.
  func takeBlock(order: Int, limit: UInt64 = UInt64.max) -> MachineFrame? {
    func attempt() -> (block: MachineFrame?, taken: UInt64, returned: UInt64) {
      withAllocator { allocator, ledger in
        (allocator.allocate(ledger, order: order, limit: limit), allocator.piecesTaken, allocator.piecesReturned)
      }
    }
    var (block, taken, returned) = attempt()
    let awaited = taken
    while block == nil && returned != taken && returned < awaited {
      Waiting.step()
      (block, taken, returned) = attempt()
    }
    return block
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
