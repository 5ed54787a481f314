// SPDX-License-Identifier: Apache-2.0
// Free frames: a buddy allocator over the ledger's link words.
//
// Free blocks are 2^order frames, aligned to their size, in doubly linked lists: for each order and each zone (below 4 GiB, which
// devices may need, and above) one of those that are known to hold no old data, which are taken first, and one of the others.
// Who wants memory below a limit looks only through blocks that may do, and only through so many: limits come from guests. The
// lists run through the frames that head the blocks: the link word
// holds the next block and how many frames from the block's start on are known to be clean, the owner word the order and the
// previous block. Free frames have zero counts and the owner DOMID_INVALID.
//
// What is known of a block is a lower bound: each frame's own mark (`FrameLedger.dirty`) is the truth, and is what who
// allocates goes by.
import Machine
import XenABI

/// The lists of free blocks. Protected by the lock of rank `frameAllocator`.
public struct FrameAllocator: ~Copyable {
  /// The largest blocks are of this order: 1 GiB.
  public static let maxOrder = 18
  static let end: UInt64 = 0xffff_ffff

  /// How many blocks a search below a limit looks at.
  static let patience = 512
  /// Where the low zone ends: a multiple of the largest block.
  var lowEnd: UInt64 = 1 &<< 20

  // The first block of each list, and the first of those known to be clean: by order in the low zone, then in the high one.
  var heads = InlineArray<38, UInt64>(repeating: FrameAllocator.end)
  var cleanHeads = InlineArray<38, UInt64>(repeating: FrameAllocator.end)
  /// How many frames are free.
  public private(set) var freeFrames: UInt64 = 0
  /// How many of them are not known to be clean.
  public internal(set) var unknownFrames: UInt64 = 0
  /// How many pieces have been taken for being cleared, and how many have come back (`Scrubbing.swift`).
  var piecesTaken: UInt64 = 0
  var piecesReturned: UInt64 = 0

  /// An allocator without memory.
  public init() {}

  /// The list of a block.
  func list(_ block: UInt64, _ order: Int) -> Int { block < lowEnd ? order : order &+ 19 }

  // Owner word of a block's head: bits 15-0 DOMID_INVALID, 16-23 order plus one, 32-63 the previous block.
  static func head(order: Int, previous: UInt64) -> UInt64 {
    UInt64(DomainID.invalid.raw) | UInt64(order &+ 1) &<< 16 | previous &<< 32
  }
  static let inside = UInt64(DomainID.invalid.raw)

  func order(_ ledger: borrowing FrameLedger, _ block: UInt64) -> Int? {
    guard block < ledger.frameCount else { return nil }
    let word = ledger.words.load(ledger.ownerIndex(MachineFrame(block)))
    guard UInt16(truncatingIfNeeded: word) == DomainID.invalid.raw, word &>> 16 & 0xff != 0 else { return nil }
    return Int(word &>> 16 & 0xff) &- 1
  }

  // Link word of a block's head: bits 31-0 the next block, 63-32 how many frames are known to be clean.
  func next(_ ledger: borrowing FrameLedger, _ block: UInt64) -> UInt64 {
    ledger.words.load(ledger.linkIndex(MachineFrame(block))) & 0xffff_ffff
  }
  func clean(_ ledger: borrowing FrameLedger, _ block: UInt64) -> UInt64 {
    ledger.words.load(ledger.linkIndex(MachineFrame(block))) &>> 32
  }

  mutating func push(_ ledger: borrowing FrameLedger, _ block: UInt64, _ order: Int, clean: UInt64) {
    let isClean = clean == 1 &<< UInt64(order)
    let list = list(block, order)
    let next = isClean ? cleanHeads[list] : heads[list]
    ledger.words.store(ledger.linkIndex(MachineFrame(block)), next | clean &<< 32)
    ledger.words.store(
      ledger.ownerIndex(MachineFrame(block)), FrameAllocator.head(order: order, previous: FrameAllocator.end))
    if next != FrameAllocator.end { setPrevious(ledger, next, block) }
    if isClean { cleanHeads[list] = block } else { heads[list] = block }
    unknownFrames &+= 1 &<< UInt64(order) &- clean
  }

  func setPrevious(_ ledger: borrowing FrameLedger, _ block: UInt64, _ previous: UInt64) {
    let index = ledger.ownerIndex(MachineFrame(block))
    ledger.words.store(index, ledger.words.load(index) & 0xffff_ffff | previous &<< 32)
  }

  /// Takes a block out of its list. Gives how many of its frames are known to be clean.
  @discardableResult
  mutating func remove(_ ledger: borrowing FrameLedger, _ block: UInt64, _ order: Int) -> UInt64 {
    let next = next(ledger, block)
    let clean = clean(ledger, block)
    let previous = ledger.words.load(ledger.ownerIndex(MachineFrame(block))) &>> 32
    if previous != FrameAllocator.end {
      ledger.words.store(
        ledger.linkIndex(MachineFrame(previous)), next | self.clean(ledger, previous) &<< 32)
    } else if clean == 1 &<< UInt64(order) {
      cleanHeads[list(block, order)] = next
    } else {
      heads[list(block, order)] = next
    }
    if next != FrameAllocator.end { setPrevious(ledger, next, previous) }
    ledger.words.store(ledger.ownerIndex(MachineFrame(block)), FrameAllocator.inside)
    unknownFrames &-= 1 &<< UInt64(order) &- clean
    return clean
  }

  /// Frees the block of 2^order frames that starts at `first`, joining it with its neighbours.
  public mutating func free(_ ledger: borrowing FrameLedger, _ first: MachineFrame, order: Int) {
    precondition(
      first.number & (1 &<< UInt64(order) &- 1) == 0 && first.number &+ 1 &<< UInt64(order) <= ledger.frameCount)
    freeFrames &+= 1 &<< UInt64(order)
    ledger.words.store(ledger.ownerIndex(first), FrameAllocator.inside)
    // What is given back may hold anything.
    join(ledger, first.number, order, clean: 0)
  }

  /// Puts a free block that is in no list into one, joined with its neighbours.
  mutating func join(_ ledger: borrowing FrameLedger, _ block: UInt64, _ order: Int, clean: UInt64) {
    var (block, order, clean) = (block, order, clean)
    while order < FrameAllocator.maxOrder {
      let half = UInt64(1) &<< UInt64(order)
      let buddy = block ^ half
      guard self.order(ledger, buddy) == order else { break }
      let buddyClean = remove(ledger, buddy, order)
      let (lower, upper) = buddy < block ? (buddyClean, clean) : (clean, buddyClean)
      clean = lower == half ? half &+ upper : lower
      block = min(block, buddy)
      order &+= 1
    }
    push(ledger, block, order, clean: clean)
  }

  /// Takes a block of 2^order frames; only blocks that end at or below frame `limit` count. Nil when there is none.
  public mutating func allocate(_ ledger: borrowing FrameLedger, order: Int, limit: UInt64 = UInt64.max)
    -> MachineFrame?
  {
    guard let (block, from) = find(ledger, order: order, limit: limit) else { return nil }
    var clean = remove(ledger, block, from)
    var size = from
    while size > order {
      size &-= 1
      let half = UInt64(1) &<< UInt64(size)
      push(ledger, block &+ half, size, clean: clean > half ? clean &- half : 0)
      clean = min(clean, half)
    }
    freeFrames &-= 1 &<< UInt64(order)
    return MachineFrame(block)
  }

  /// The block that an allocation would be taken from the start of, and the block's order.
  func find(_ ledger: borrowing FrameLedger, order: Int, limit: UInt64) -> (block: UInt64, order: Int)? {
    guard order >= 0, order <= FrameAllocator.maxOrder else { return nil }
    // Memory that any limit allows is taken first. Where the limit lies above a zone, the first block of a list will do.
    var patience = FrameAllocator.patience
    defer { Stretch.spend(Int32(truncatingIfNeeded: (FrameAllocator.patience &- patience) &>> 3)) }
    for zone in stride(from: 19, through: 0, by: -19) {
      if zone != 0 && limit <= lowEnd { continue }
      for from in order...FrameAllocator.maxOrder {
        let (clean, other) = (cleanHeads[zone &+ from], heads[zone &+ from])
        if let block = first(ledger, from: clean, order: order, limit: limit, &patience) { return (block, from) }
        if let block = first(ledger, from: other, order: order, limit: limit, &patience) { return (block, from) }
      }
    }
    return nil
  }

  /// The first block of a list whose first 2^order frames end at or below `limit`.
  private func first(
    _ ledger: borrowing FrameLedger, from head: UInt64, order: Int, limit: UInt64, _ patience: inout Int
  ) -> UInt64? {
    var block = head
    while block != FrameAllocator.end && block &+ 1 &<< UInt64(order) > limit {
      if patience == 0 { return nil }
      block = next(ledger, block)
      patience &-= 1
    }
    return block == FrameAllocator.end ? nil : block
  }
}
