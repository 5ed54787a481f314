// SPDX-License-Identifier: Apache-2.0
// The memory of boot against a set of free frames.
import Testing

@testable import Machine

/// The memory of boot, in a form that test expectations can take apart.
private final class Memory {
  var memory = BootMemory()
  func add(_ start: UInt64, _ end: UInt64) -> Bool { memory.add(start: start, end: end) }
  func reserve(_ start: UInt64, _ end: UInt64) { memory.reserve(start: start, end: end) }
  func allocate(_ frames: UInt64, alignment: UInt64 = 1, limit: UInt64 = UInt64.max) -> MachineFrame? {
    memory.allocate(frames: frames, alignment: alignment, limit: limit)
  }
  var total: UInt64 { memory.total }
  var ranges: [(start: UInt64, end: UInt64)] { (0..<memory.count).map { memory.range($0) } }
}

@Suite struct BootMemoryTests {
  private func frames(_ memory: Memory) -> Set<UInt64> {
    var all = Set<UInt64>()
    var last: UInt64 = 0
    for range in memory.ranges {
      #expect(range.start < range.end)
      #expect(range.start >= last)
      last = range.end
      for frame in range.start..<range.end { #expect(all.insert(frame).inserted) }
    }
    #expect(UInt64(all.count) == memory.total)
    return all
  }

  @Test(arguments: 1...8 as ClosedRange<UInt64>) func againstASet(seed: UInt64) {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    func below(_ limit: UInt64) -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state % limit
    }
    for _ in 0..<40 {
      let memory = Memory()
      var free = Set<UInt64>()
      var at = below(20)
      for _ in 0..<below(8) {
        let end = at + below(60)
        #expect(memory.add(at, end))
        free.formUnion(at..<end)
        at = end + 1 + below(20)  // ranges that touch stay two
      }
      for _ in 0..<30 {
        if below(2) == 0 {
          let start = below(400)
          let end = start + below(50)
          memory.reserve(start, end)
          free.subtract(start..<end)
        } else {
          let count = below(12)
          let alignment = UInt64(1) << below(5)
          let limit = below(3) == 0 ? below(400) : UInt64.max
          let found = memory.allocate(count, alignment: alignment, limit: limit)
          if let found {
            #expect(found.number % alignment == 0)
            let taken = found.number..<found.number + count
            #expect(taken.upperBound <= limit)
            #expect(taken.allSatisfy { free.contains($0) })
            free.subtract(taken)
          } else {
            for start in stride(from: 0, to: 400 as UInt64, by: Int(alignment))
            where start + count <= limit && count > 0 {
              #expect(!(start..<start + count).allSatisfy { free.contains($0) })
            }
          }
        }
        #expect(frames(memory) == free)
      }
    }
  }

  @Test func rangesComeInOrder() {
    let memory = Memory()
    #expect(memory.add(5, 5), "nothing to add")
    #expect(memory.add(10, 20))
    #expect(!memory.add(19, 30))
    #expect(!memory.add(1, 5))
    #expect(memory.add(20, 30))
    #expect(memory.total == 20)
    for index in 0..<126 as Range<UInt64> { #expect(memory.add(100 + index * 2, 101 + index * 2)) }
    #expect(!memory.add(1000, 1001), "full")
    // With no room for one more piece, a hole still never leaves reserved frames free.
    let before = memory.total
    memory.reserve(12, 14)
    #expect(memory.total <= before - 2)
    for range in memory.ranges {
      #expect(range.end <= 12 || range.start >= 14)
    }
  }

  @Test func impossibleRequests() {
    let memory = Memory()
    _ = memory.add(4, 8)
    #expect(memory.allocate(5) == nil)
    #expect(memory.allocate(UInt64.max) == nil)
    #expect(memory.allocate(1, limit: 4) == nil)
    #expect(memory.allocate(1, limit: 0) == nil)
    #expect(memory.allocate(4, alignment: 8) == nil)
    #expect(memory.allocate(4) == MachineFrame(4))
    #expect(memory.total == 0)
  }
}
