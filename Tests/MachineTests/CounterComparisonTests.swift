// SPDX-License-Identifier: Apache-2.0
// How far apart two CPUs' counters are, and what guests may be told of them.
import Testing

@testable import Machine

@Suite struct CounterComparisonTests {
  /// Rounds between CPUs whose counters differ by `skew`; each way takes between 40 ticks and, now and then, ages.
  private func compare(skew: Int64, rounds: Int, seed: UInt64) -> CounterDifference {
    var timer = SimulatedTimer.hpet(seed)
    var difference = CounterDifference()
    var now: UInt64 = 1 << 40
    func way() -> UInt64 { 40 + UInt64(timer.next() * 60) + (timer.next() < 0.4 ? UInt64(timer.next() * 1e8) : 0) }
    for _ in 0..<rounds {
      let asked = now
      now += way()
      let seen = now &+ UInt64(bitPattern: skew)
      now += way()
      difference.add(asked: asked, answered: now, seen: seen)
      now += way()
    }
    return difference
  }

  @Test(arguments: [0, 1, -1, 250, -250, 1 << 30, -(1 << 38)] as [Int64]) func theSkewIsWithinTheBounds(skew: Int64) {
    for seed in 1...50 as ClosedRange<UInt64> {
      let difference = compare(skew: skew, rounds: 64, seed: seed)
      #expect(difference.least <= skew && skew <= difference.most)
      // One round without a pause tells it within its two ways.
      #expect(difference.most - difference.least <= 200 && abs(difference.middle - skew) <= 100)
      if skew == 0 { #expect(difference.mayBeNone) }
      if abs(skew) >= 200 { #expect(!difference.mayBeNone) }
    }
  }

  /// A round that was held up proves no difference, and none is assumed: its middle says nothing.
  @Test func noDifferenceIsAssumedWhileThereMayBeNone() {
    var difference = CounterDifference()
    difference.add(asked: 1000, answered: 50_001_000, seen: 2000)
    #expect(difference.mayBeNone && difference.middle != 0 && difference.assumed == 0)
    difference.add(asked: 60_000_000, answered: 60_000_100, seen: 61_000_000)
    #expect(!difference.mayBeNone && difference.assumed == difference.middle)
  }

  @Test func nothingIsKnownWithoutARound() {
    let difference = CounterDifference()
    #expect(!difference.mayBeNone && difference.middle == 0)
  }

  @Test func whatIsStable() {
    var trust = CounterTrust()
    #expect(!trust.isStable)
    trust.isVirtual = true
    #expect(trust.isStable)
    trust.isVirtual = false
    trust.isInvariant = true
    #expect(trust.isStable)
    trust.isSkewed = true
    #expect(!trust.isStable)
    trust.isSkewed = false
    trust.isDoubted = true
    #expect(!trust.isStable)
  }
}
