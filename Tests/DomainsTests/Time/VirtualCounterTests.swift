// SPDX-License-Identifier: Apache-2.0
// The time-stamp counter as domains see it: which mode emulates it where, and that an emulated one goes on as it should.
import Testing

@testable import Domains

@Suite struct VirtualCounterTests {
  private func make(
    _ mode: VirtualCounter.Mode, kilohertz: UInt32 = 0, elapsed: UInt64 = 0, machine: UInt32 = 2_400_000,
    isStable: Bool = true, now: UInt64 = 5_000_000_000
  ) -> VirtualCounter? {
    VirtualCounter(
      mode: mode, kilohertz: kilohertz, incarnation: 3, elapsed: elapsed, machine: machine, isStable: isStable, now: now
    )
  }

  @Test func whichModeEmulates() {
    // Started here.
    #expect(make(.standard)?.isEmulated == false && make(.neverEmulated)?.isEmulated == false)
    #expect(make(.alwaysEmulated)?.isEmulated == true && make(.alwaysEmulated)?.kilohertz == 2_400_000)
    // Started here, where counters are not safe.
    #expect(make(.standard, isStable: false)?.isEmulated == true)
    #expect(make(.neverEmulated, isStable: false)?.isEmulated == false)
    // Started on a machine of the same rate, measured another time; of another rate.
    #expect(make(.standard, kilohertz: 2_400_100)?.isEmulated == false)
    #expect(make(.standard, kilohertz: 2_400_300)?.isEmulated == true)
    #expect(make(.standard, kilohertz: 1_000_000)?.kilohertz == 1_000_000)
    // That never emulates has the machine's rate from now on.
    #expect(make(.neverEmulated, kilohertz: 1_000_000)?.kilohertz == 2_400_000)
    #expect(make(.standard)?.incarnation == 3)
  }

  @Test func ratesThatNoCounterHas() {
    for rate in [1, 999, 100_000_001, UInt32.max] as [UInt32] { #expect(make(.standard, kilohertz: rate) == nil) }
  }

  @Test func anEmulatedCounterGoesOnWhereItWas() {
    // Ten minutes on a machine of 1 GHz, then here.
    guard let counter = make(.standard, kilohertz: 1_000_000, elapsed: 600_000_000_000) else {
      Issue.record("refused")
      return
    }
    #expect(counter.value(at: 5_000_000_000) == 600_000_000_000)
    #expect(counter.value(at: 5_000_000_001) == 600_000_000_001)
    #expect(counter.value(at: 6_000_000_000) == 601_000_000_000)
    #expect(counter.elapsed(at: 6_000_000_000, machine: 1, hertz: 1) == 601_000_000_000)
  }

  @Test func whatIsSavedIsWhatIsRestored() {
    // Native, by the machine's counter; then emulated, moved from host to host.
    let native = VirtualCounter.native(kilohertz: 2_400_000)
    var elapsed = native.elapsed(at: 7, machine: 24_000_000_000, hertz: 2_400_000_000)
    #expect(elapsed == 10_000_000_000)
    var value: UInt64 = 24_000_000_000
    for (machine, now) in [(3_000_000, 77), (1_500_000, 900_000_000_000), (2_999_000, 5)] as [(UInt32, UInt64)] {
      guard let moved = make(.standard, kilohertz: 2_400_000, elapsed: elapsed, machine: machine, now: now) else {
        Issue.record("refused")
        return
      }
      #expect(moved.isEmulated && moved.value(at: now) >= value)
      value = moved.value(at: now &+ 3_000_000_000)
      #expect(value == moved.value(at: now) + 7_200_000_000)
      elapsed = moved.elapsed(at: now &+ 3_000_000_000, machine: 0, hertz: 1)
    }
    // And back home.
    #expect(make(.standard, kilohertz: 2_400_000, elapsed: elapsed)?.isEmulated == false)
  }

  @Test(arguments: [1_000, 999_999, 1_000_000, 2_445_401, 100_000_000] as [UInt32])
  func timeByAnEmulatedCounterIsSystemTime(kilohertz: UInt32) {
    guard let counter = make(.alwaysEmulated, kilohertz: kilohertz, elapsed: 1 << 50, now: 1 << 30) else {
      Issue.record("refused")
      return
    }
    let start = UInt64(1) << 30
    var last: UInt64 = 0
    for step in 0..<2000 as Range<UInt64> {
      let time = start + step * step * 1_000_003
      let value = counter.value(at: time)
      #expect(value >= last)
      last = value
      let computed = start + counter.scale.nanoseconds(value - counter.value(at: start))
      // A tick of the counter, and what the scale loses in a day: a part in 10^9.
      let slack = 2 + 2_000_000 / UInt64(kilohertz) + (time - start) / 500_000_000
      #expect(computed <= time + slack && computed + slack >= time)
    }
  }

  @Test func numbersOfAToolstacksMayBeAnything() {
    for elapsed in [0, 1, UInt64.max, 1 << 63] as [UInt64] {
      let counter = make(.alwaysEmulated, kilohertz: 100_000_000, elapsed: elapsed)
      _ = counter?.value(at: 0)
      _ = counter?.value(at: UInt64.max)
    }
  }
}
