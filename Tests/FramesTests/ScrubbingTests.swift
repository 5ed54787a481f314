// SPDX-License-Identifier: Apache-2.0
// Free frames that are cleared ahead of time: what is known of them is true, and nobody gets old data.
import Testing
import XenABI

@testable import Frames
@testable import Machine

@Suite struct ScrubbingTests {
  /// What the allocator's lists say, checked against the frames; nil if it is all true.
  static func brokenList(_ world: LedgerWorld) -> String? {
    world.ledger[].withAllocator { allocator, ledger in
      var unknown: UInt64 = 0
      var free: UInt64 = 0
      for list in 0..<38 {
        let order = list % 19
        for isClean in [true, false] {
          var block = isClean ? allocator.cleanHeads[list] : allocator.heads[list]
          var previous = FrameAllocator.end
          while block != FrameAllocator.end {
            if allocator.order(ledger, block) != order { return "block \(block) is not of order \(order)" }
            if ledger.words.load(ledger.ownerIndex(MachineFrame(block))) >> 32 != previous { return "backward link" }
            let clean = allocator.clean(ledger, block)
            if (clean == 1 << UInt64(order)) != isClean { return "block \(block) is in the wrong list" }
            for frame in block..<block + clean {
              if ledger.words.load(ledger.countIndex(MachineFrame(frame))) != 0 { return "frame \(frame) is dirty" }
              if PhysicalWindow.firstWord(MachineFrame(frame), from: 0, with: UInt64.max) != 512 {
                return "frame \(frame) holds data"
              }
            }
            unknown += 1 << UInt64(order) - clean
            free += 1 << UInt64(order)
            previous = block
            block = allocator.next(ledger, block)
          }
        }
      }
      if unknown != allocator.unknownFrames { return "\(unknown) frames are unknown" }
      return free == allocator.freeFrames ? nil : "\(free) frames are free"
    }
  }

  @Test(arguments: 1...8 as ClosedRange<UInt64>) func againstTheFrames(seed: UInt64) {
    LedgerWorld.run { world in
      var random = Random(seed: seed)
      let ledger = world.ledger
      var held: [MachineFrame] = []
      for step in 0..<1500 {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4:
          let order = Int.random(in: 0..<5, using: &random)
          let limit =
            Bool.random(using: &random) ? UInt64.max : UInt64.random(in: 0...LedgerWorld.frames, using: &random)
          if Bool.random(using: &random) {
            var turns = 0
            while !ledger[].prepare(order: order, limit: limit) { turns += 1 }
            #expect(turns <= 1 << order)
          }
          guard let first = ledger[].allocate(for: DomainID(1), order: order, limit: limit) else { break }
          for offset in 0..<UInt64(1) << UInt64(order) {
            #expect(PhysicalWindow.firstWord(first + offset, from: 0, with: UInt64.max) == 512, "step \(step)")
            if Bool.random(using: &random) { PhysicalWindow.store(first + offset, word: 511, 1) }
            held.append(first + offset)
          }
        case 4:
          if let own = ledger[].allocateOwn() {
            #expect(PhysicalWindow.firstWord(own, from: 0, with: UInt64.max) == 512)
            PhysicalWindow.store(own, word: 0, 1)
            ledger[].freeOwn(own)
          }
        case 5..<9:
          for _ in 0..<min(held.count, Int.random(in: 1..<40, using: &random)) {
            let frame = held.remove(at: Int.random(in: 0..<held.count, using: &random))
            #expect(world.endAllocation(frame))
          }
        default: _ = ledger[].scrubSome()
        }
        if let broken = Self.brokenList(world) {
          Issue.record("step \(step): \(broken)")
          return
        }
      }
      for frame in held { _ = world.endAllocation(frame) }
      // It comes to an end, and leaves little.
      var turns = 0
      while ledger[].scrubSome() { turns += 1 }
      #expect(world.unscrubbed < 64 && turns <= Int(LedgerWorld.frames))
      #expect(Self.brokenList(world) == nil)
    }
  }

  @Test func ruleF2OthersFlushBeforeAFrameIsScrubbed() {
    LedgerWorld.run { world in
      while world.scrub() {}
      let first = world.ledger[].allocate(for: DomainID(1), order: 6)!
      for offset in 0..<UInt64(64) { #expect(world.endAllocation(first + offset)) }
      // Another CPU takes part, which has not flushed since then.
      CPUs.setStarted(2)
      CPUs.setOnline(1, true)
      #expect(!world.isSettled)
      #expect(world.scrub())
      #expect(world.isSettled)
      while world.scrub() {}
      while !world.prepare(6) {}
      #expect(world.unscrubbed < 64)
      CPUs.setOnline(1, false)
      CPUs.setStarted(1)
    }
  }
}

extension LedgerWorld {
  func scrub() -> Bool { ledger[].scrubSome() }
  func prepare(_ order: Int) -> Bool { ledger[].prepare(order: order) }
  var isSettled: Bool { ledger[].isSettled }
  var unscrubbed: UInt64 { ledger[].unscrubbedFrames }
}
