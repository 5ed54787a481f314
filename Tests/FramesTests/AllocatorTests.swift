// SPDX-License-Identifier: Apache-2.0
// The buddy allocator against a set of free frames.
import Testing
import XenABI

@testable import Frames
@testable import Machine

@Suite struct AllocatorTests {
  @Test(arguments: 1...6 as ClosedRange<UInt64>) func againstASet(seed: UInt64) {
    LedgerWorld.run { world in
      var random = Random(seed: seed)
      let ledger = world.ledger
      var free = Set((0..<LedgerWorld.frames).filter { world.owner(MachineFrame($0)) == .invalid })
      var blocks: [(MachineFrame, Int)] = []
      for _ in 0..<3000 {
        if blocks.isEmpty || Int.random(in: 0..<100, using: &random) < 55 {
          let order = Int.random(in: 0..<6, using: &random)
          let limit =
            Int.random(in: 0..<4, using: &random) == 0
            ? UInt64.random(in: 0...LedgerWorld.frames, using: &random) : UInt64.max
          let block = ledger[].withAllocator { allocator, ledger in
            allocator.allocate(ledger, order: order, limit: limit)
          }
          let size = UInt64(1) << UInt64(order)
          guard let block else {
            // Only if no aligned run of free frames is there.
            for start in stride(from: 0, to: LedgerWorld.frames, by: Int(size)) where limit == UInt64.max {
              #expect(!(start..<start + size).allSatisfy { free.contains($0) }, "order \(order): \(start) is free")
            }
            continue
          }
          #expect(block.number % size == 0)
          #expect(block.number + size <= limit)
          for frame in block.number..<block.number + size { #expect(free.remove(frame) != nil) }
          blocks.append((block, order))
        } else {
          let (block, order) = blocks.remove(at: Int.random(in: 0..<blocks.count, using: &random))
          ledger[].withAllocator { allocator, ledger in allocator.free(ledger, block, order: order) }
          for frame in block.number..<block.number + (1 << UInt64(order)) { #expect(free.insert(frame).inserted) }
        }
        #expect(world.freeFrames == UInt64(free.count))
      }
      for (block, order) in blocks {
        ledger[].withAllocator { allocator, ledger in allocator.free(ledger, block, order: order) }
      }
      // All joined again: what can be had at once is what could be had at the start.
      let whole = ledger[].withAllocator { allocator, ledger in allocator.allocate(ledger, order: 6) }
      #expect(whole != nil)
    }
  }

  @Test func impossibleOrders() {
    LedgerWorld.run { world in
      for order in [-1, 19, 63, 64, Int.max, Int.min] {
        #expect(world.ledger[].withAllocator { allocator, ledger in allocator.allocate(ledger, order: order) } == nil)
      }
    }
  }

  /// Limits come from guests: memory that any limit allows goes last, and a search looks at few blocks, however many there are.
  @Test func limitsAndZones() {
    LedgerWorld.run { world in
      var held: [MachineFrame] = []
      while let frame = world.ledger[].allocateOwn() { held.append(frame) }
      // Half of them are low.
      let middle = held.map(\.number).sorted()[held.count / 2] & ~1
      world.ledger[].withAllocator { _, ledger in
        var allocator = FrameAllocator()
        allocator.lowEnd = middle
        // Every other frame, so that each is a block of its own.
        for frame in held where frame.number % 2 == 0 { allocator.free(ledger, frame, order: 0) }
        let free = allocator.freeFrames
        #expect(allocator.allocate(ledger, order: 0)!.number >= middle)
        #expect(allocator.allocate(ledger, order: 0, limit: middle)!.number < middle)
        #expect(allocator.allocate(ledger, order: 0, limit: middle + 20)!.number < middle + 20)
        Stretch.begin()
        #expect(allocator.allocate(ledger, order: 0, limit: 3) == nil)
        #expect(Simulation.unitsSpent > 2 && Simulation.unitsSpent <= FrameAllocator.patience / 8)
        #expect(allocator.allocate(ledger, order: 0, limit: 0) == nil)
        #expect(allocator.freeFrames == free - 3)
        // The low zone is used when there is nothing else.
        while let frame = allocator.allocate(ledger, order: 0) { ledger.words.store(ledger.ownerIndex(frame), 0) }
        #expect(allocator.freeFrames == 0)
      }
    }
  }

  /// However many blocks there are, a guest's limit has only so many of them looked at.
  @Test func aSearchLooksAtFewBlocks() {
    LedgerWorld.run { world in
      let frames: UInt64 = 4096
      _ = Simulation.start(frames: frames)
      Ref<FrameLedger>.create(
        in: MachineFrame(4050), FrameLedger(storage: MachineFrame(1), frames: frames)
      ).publish()
      world.ledger[].withAllocator { _, ledger in
        var allocator = FrameAllocator()
        // Every other frame, so that each is a block of its own.
        for number in stride(from: 2000, to: 4000, by: 2) {
          allocator.free(ledger, MachineFrame(UInt64(number)), order: 0)
        }
        Stretch.begin()
        #expect(allocator.allocate(ledger, order: 0, limit: 2000) == nil)
        #expect(Simulation.unitsSpent == FrameAllocator.patience / 8)
      }
    }
  }

  @Test func memoryInPieces() {
    LedgerWorld.run { world in
      // Every start and length near a few boundaries adds exactly those frames.
      for start in 0..<9 as Range<UInt64> {
        for length in 0..<20 as Range<UInt64> {
          _ = Simulation.start(frames: LedgerWorld.frames)
          Ref<FrameLedger>.create(
            in: MachineFrame(700), FrameLedger(storage: MachineFrame(1), frames: LedgerWorld.frames)
          ).publish()
          let first = 600 + start
          world.ledger[].addMemory(start: first, end: first + length)
          #expect(world.freeFrames == length)
          var seen = Set<UInt64>()
          while let frame = world.ledger[].allocateOwn() { seen.insert(frame.number) }
          #expect(seen == Set(first..<first + length))
        }
      }
    }
  }
}
