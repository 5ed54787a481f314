// SPDX-License-Identifier: Apache-2.0
// The ledger against the naive model: every short sequence of operations, and long random ones.
import Testing
import XenABI

@testable import Frames
@testable import Machine

@Suite struct ModelTests {
  /// Two frames, the first as table of level 1, the second of level 2.
  static let operations: [LedgerOperation] = [
    .take(0, 1), .drop(0), .takeWritable(0, 1), .dropWritable(0), .takeWritable(1, 1), .pin(0, 1), .pin(1, 2),
    .unpin(0),
    .unpin(1), .update(0, 0, 1, false), .update(0, 0, 1, true), .update(0, 0, nil, false), .update(1, 0, 0, true),
    .update(1, 0, 1, false), .update(1, 0, nil, false), .useDescriptors(0), .stopUsingDescriptors(0),
    .transfer(0, 1, 2),
    .transfer(0, 2, 1), .endAllocation(0, 1), .endAllocation(1, 1),
  ]

  /// Those of them that change what a frame is used as.
  static let typeChanges: [LedgerOperation] = [
    .takeWritable(0, 1), .dropWritable(0), .pin(0, 1), .pin(1, 2), .unpin(0), .unpin(1), .update(0, 0, 1, true),
    .update(1, 0, 0, true), .update(1, 0, 1, false), .endAllocation(0, 1),
  ]

  @Test func everyShortSequence() {
    LedgerWorld.run { world in
      let tables = Tables(world)
      let free = world.freeFrames
      var path: [LedgerOperation] = []
      var sequences = 0
      // Depth first: each sequence is done from the start, so that it begins with fresh frames.
      func extend(_ depth: Int) -> String? {
        if depth == 0 {
          sequences += 1
          let pair = Pair(tables, frames: 2)
          for operation in path { if let wrong = pair.apply(operation) { return wrong } }
          if sequences % 97 == 0, let broken = pair.recount() { return broken }
          return pair.end()
        }
        for operation in operations {
          path.append(operation)
          if let wrong = extend(depth - 1) { return wrong }
          path.removeLast()
        }
        return nil
      }
      var operations = ModelTests.operations
      for depth in 1...4 {
        if depth == 4 { operations = ModelTests.typeChanges }
        let wrong = extend(depth)
        #expect(wrong == nil, "after \(path)")
        if wrong != nil { return }
      }
      #expect(world.freeFrames == free)
      #expect(world.broken() == nil)
    }
  }

  @Test(arguments: 1...12 as ClosedRange<UInt64>) func longRandomSequences(seed: UInt64) {
    LedgerWorld.run { world in
      let tables = Tables(world)
      var random = Random(seed: seed)
      let free = world.freeFrames
      for _ in 0..<60 {
        // Half of the runs are preempted after every few entries.
        tables.budget = Bool.random(using: &random) ? 8192 : Int.random(in: 1...12, using: &random)
        let count = 6
        let pair = Pair(tables, frames: count)
        var history: [LedgerOperation] = []
        for step in 0..<200 {
          let f = Int.random(in: 0..<count, using: &random)
          let other = Int.random(in: 0..<count, using: &random)
          let operation: LedgerOperation =
            switch Int.random(in: 0..<30, using: &random) {
            case 0: .take(f, UInt16.random(in: 1...2, using: &random))
            case 1: .drop(f)
            case 2: .takeWritable(f, 1)
            case 3, 4: .dropWritable(f)
            case 5...10: .pin(f, Int.random(in: 1...4, using: &random))
            case 11...13: .unpin(f)
            case 14: .useDescriptors(f)
            case 15: .stopUsingDescriptors(f)
            case 16: .transfer(f, 1, 2)
            case 17: .transfer(f, 2, 1)
            case 18: Int.random(in: 0..<4, using: &random) == 0 ? .endAllocation(f, 1) : .drop(f)
            case 19...21: .update(f, Int.random(in: 0..<4, using: &random), nil, false)
            default: .update(f, Int.random(in: 0..<4, using: &random), other, Bool.random(using: &random))
            }
          history.append(operation)
          if let wrong = pair.apply(operation) {
            Issue.record("seed \(seed): \(wrong) after \(history.suffix(12))")
            return
          }
          if step % 50 == 49, let broken = pair.recount() {
            Issue.record("seed \(seed): \(broken) after \(history.suffix(12))")
            return
          }
        }
        if let wrong = pair.end() {
          Issue.record("seed \(seed): \(wrong) after \(history.suffix(12))")
          return
        }
      }
      #expect(world.freeFrames == free)
    }
  }
}

/// Random numbers that are the same for the same seed.
struct Random: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_f491_4f6c_dd1d
  }
}
