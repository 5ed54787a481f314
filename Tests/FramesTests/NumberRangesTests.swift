// SPDX-License-Identifier: Apache-2.0
// The few ranges against a set that holds each number.
import Testing

@testable import Frames

@Suite struct NumberRangesTests {
  @Test func `ranges are as a set of numbers, as long as there is room`() {
    var random = Random(seed: 17)
    for _ in 0..<300 {
      var ranges = NumberRanges()
      var set = Set<UInt64>()
      for _ in 0..<60 {
        let first = UInt64.random(in: 0..<40, using: &random)
        let last = min(39, first + UInt64.random(in: 0..<8, using: &random))
        var wanted = set
        let adds = Bool.random(using: &random)
        if adds { wanted.formUnion(first...last) } else { wanted.subtract(first...last) }
        let runs = (0..<UInt64(40)).count { wanted.contains($0) && ($0 == 0 || !wanted.contains($0 - 1)) }
        let isDone = adds ? ranges.insert(first, through: last) : ranges.remove(first, through: last)
        #expect(isDone == (runs <= NumberRanges.capacity))
        if isDone { set = wanted }
        for number in UInt64(0)..<40 { #expect(ranges.contains(number, through: number) == set.contains(number)) }
        for number in UInt64(0)..<39 {
          #expect(ranges.contains(number, through: number + 1) == set.isSuperset(of: [number, number + 1]))
        }
      }
    }
  }

  @Test func `the ends of the number line`() {
    var ranges = NumberRanges()
    func insert(_ first: UInt64, _ last: UInt64) -> Bool { ranges.insert(first, through: last) }
    func remove(_ first: UInt64, _ last: UInt64) -> Bool { ranges.remove(first, through: last) }
    #expect(insert(UInt64.max, UInt64.max) && insert(0, 5) && insert(6, UInt64.max - 1))
    #expect(ranges.count == 1 && ranges.contains(0, through: UInt64.max))
    #expect(remove(0, UInt64.max) && ranges.isEmpty)
    #expect(!insert(3, 2) && !remove(3, 2))
  }
}
