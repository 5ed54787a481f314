// SPDX-License-Identifier: Apache-2.0
// Free frames: a buddy allocator over the ledger's link words.
//
// Free blocks are 2^order frames, aligned to their size, in one doubly linked list per order. The lists run through the frames
// that head the blocks: the link word holds the next block, the owner word the order and the previous block. Free frames have
// zero counts and the owner DOMID_INVALID.
import Machine
import XenABI

/// The lists of free blocks. Protected by the lock of rank `frameAllocator`.
public struct FrameAllocator: ~Copyable {
  /// The largest blocks are of this order: 1 GiB.
  public static let maxOrder = 18
  static let end: UInt64 = 0xffff_ffff

  // The first block of each order.
  var heads = InlineArray<19, UInt64>(repeating: FrameAllocator.end)
  /// How many frames are free.
  public private(set) var freeFrames: UInt64 = 0

  /// An allocator without memory.
  public init() {}

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

  mutating func push(_ ledger: borrowing FrameLedger, _ block: UInt64, _ order: Int) {
    let next = heads[order]
    ledger.words.store(ledger.linkIndex(MachineFrame(block)), next)
    ledger.words.store(
      ledger.ownerIndex(MachineFrame(block)), FrameAllocator.head(order: order, previous: FrameAllocator.end))
    if next != FrameAllocator.end { setPrevious(ledger, next, block) }
    heads[order] = block
  }

  func setPrevious(_ ledger: borrowing FrameLedger, _ block: UInt64, _ previous: UInt64) {
    let index = ledger.ownerIndex(MachineFrame(block))
    ledger.words.store(index, ledger.words.load(index) & 0xffff_ffff | previous &<< 32)
  }

  mutating func remove(_ ledger: borrowing FrameLedger, _ block: UInt64, _ order: Int) {
    let next = ledger.words.load(ledger.linkIndex(MachineFrame(block)))
    let previous = ledger.words.load(ledger.ownerIndex(MachineFrame(block))) &>> 32
    if previous == FrameAllocator.end {
      heads[order] = next
    } else {
      ledger.words.store(ledger.linkIndex(MachineFrame(previous)), next)
    }
    if next != FrameAllocator.end { setPrevious(ledger, next, previous) }
    ledger.words.store(ledger.ownerIndex(MachineFrame(block)), FrameAllocator.inside)
  }

  /// Frees the block of 2^order frames that starts at `first`, joining it with its neighbours.
  public mutating func free(_ ledger: borrowing FrameLedger, _ first: MachineFrame, order: Int) {
    var block = first.number
    var order = order
    precondition(block & (1 &<< UInt64(order) &- 1) == 0 && block &+ 1 &<< UInt64(order) <= ledger.frameCount)
    freeFrames &+= 1 &<< UInt64(order)
    ledger.words.store(ledger.ownerIndex(first), FrameAllocator.inside)
    while order < FrameAllocator.maxOrder {
      let buddy = block ^ (1 &<< UInt64(order))
      guard self.order(ledger, buddy) == order else { break }
      remove(ledger, buddy, order)
      block = min(block, buddy)
      order &+= 1
    }
    push(ledger, block, order)
  }

  /// Takes a block of 2^order frames; only blocks that end at or below frame `limit` count. Nil when there is none.
  public mutating func allocate(_ ledger: borrowing FrameLedger, order: Int, limit: UInt64 = UInt64.max)
    -> MachineFrame?
  {
    guard order >= 0, order <= FrameAllocator.maxOrder else { return nil }
    for from in order...FrameAllocator.maxOrder {
      var block = heads[from]
      // A limit is rare (memory below 4 GiB for devices): look a bounded way down the list.
      var patience = 4096
      while block != FrameAllocator.end && block &+ 1 &<< UInt64(order) > limit && patience > 0 {
        block = ledger.words.load(ledger.linkIndex(MachineFrame(block)))
        patience &-= 1
      }
      guard block != FrameAllocator.end, block &+ 1 &<< UInt64(order) <= limit else { continue }
      remove(ledger, block, from)
      var size = from
      while size > order {
        size &-= 1
        push(ledger, block &+ 1 &<< UInt64(size), size)
      }
      freeFrames &-= 1 &<< UInt64(order)
      return MachineFrame(block)
    }
    return nil
  }
}
