// SPDX-License-Identifier: Apache-2.0
//
// The CPU mask against a set of numbers.

import Testing

@testable import Scheduling

struct CPUMaskTests {
  private func members(_ mask: CPUMask) -> Set<Int> { Set((-3..<300).filter { mask.contains($0) }) }

  @Test("Masks act as sets", arguments: 0..<20)
  func asSets(seed: UInt64) {
    var random = Randomness(seed: seed)
    var mask = CPUMask()
    var set = Set<Int>()
    var other = CPUMask()
    var otherSet = Set<Int>()
    for _ in 0..<60 {
      let cpu = random.below(320) - 20
      if random.below(3) == 0 {
        mask.remove(cpu)
        set.remove(cpu)
      } else {
        mask.insert(cpu)
        if (0..<256).contains(cpu) { set.insert(cpu) }
      }
      let second = random.below(256)
      other.insert(second)
      otherSet.insert(second)
    }
    #expect(members(mask) == set)
    #expect(mask.count == set.count)
    #expect(members(mask.union(other)) == set.union(otherSet))
    #expect(members(mask.intersection(other)) == set.intersection(otherSet))
    #expect(members(mask.subtracting(other)) == set.subtracting(otherSet))
    #expect(mask.first == set.min())
    for start in [-5, 0, 1, 63, 64, 127, 128, 200, 255, 256, 1_000] {
      #expect(mask.first(notBefore: start) == set.filter { $0 >= start }.min())
      #expect(mask.next(from: start) == set.filter { $0 >= start }.min() ?? set.min())
    }
    #expect(mask == CPUMask(words: mask.words))
    #expect((mask == other) == (set == otherSet))
  }

  @Test("The first n CPUs", arguments: [-1, 0, 1, 63, 64, 65, 200, 256, 300])
  func firstCPUs(count: Int) {
    #expect(members(CPUMask(firstCPUs: count)) == Set(0..<min(256, max(0, count))))
  }

  @Test("Empty, full and single masks")
  func constants() {
    #expect(CPUMask().isEmpty && CPUMask().first == nil && CPUMask().next(from: 5) == nil)
    #expect(CPUMask.all.count == 256 && CPUMask.all == CPUMask(firstCPUs: 256))
    #expect(members(CPUMask(cpu: 77)) == [77])
    for cpu in 0..<256 {
      check(CPUMask(cpu: cpu).first == cpu && CPUMask(cpu: cpu).next(from: cpu + 1) == cpu, "CPU \(cpu)")
    }
    #expect(CPUMask(cpu: 256).isEmpty && CPUMask(cpu: -1).isEmpty)
  }
}
