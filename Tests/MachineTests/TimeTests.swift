// SPDX-License-Identifier: Apache-2.0
// Counter ticks as nanoseconds, the way guests compute them.
import Testing

@testable import Machine

@Suite struct TimeTests {
  static let rates: [UInt64] = [
    1_000_000, 1_000_001, 24_000_000, 99_999_999, 999_999_999, 1_000_000_000, 1_000_000_001, 1_999_999_999,
    2_000_000_000,
    2_000_000_001, 2_894_561_000, 4_000_000_000, 5_300_000_000, 1 << 40, UInt64.max,
  ]

  @Test(arguments: rates) func theScaleIsPrecise(hertz: UInt64) {
    let scale = TickScale(hertz: hertz)
    // The multiplier uses its 32 bits, and halving a fast rate loses less than one tick in 10^9.
    #expect(scale.multiplier >= 1 << 31)
    for seconds in [1, 60, 3600, 86_400] as [UInt64] {
      let (ticks, overflow) = hertz.multipliedReportingOverflow(by: seconds)
      if overflow { continue }
      let wanted = Double(seconds) * 1e9
      #expect(abs(Double(scale.nanoseconds(ticks)) - wanted) <= wanted / 1e9 + 2)
    }
  }

  @Test(arguments: rates) func timeNeverGoesBack(hertz: UInt64) {
    let scale = TickScale(hertz: hertz)
    var last: UInt64 = 0
    var ticks: UInt64 = 0
    for step in 0..<2000 as Range<UInt64> {
      let now = scale.nanoseconds(ticks)
      #expect(now >= last)
      last = now
      ticks += step * step * min(hertz / 1_000_000_000 + 1, 1 << 20)
    }
    #expect(scale.nanoseconds(0) == 0)
  }

  @Test func slowCountersDoNotTrap() {
    for hertz in [0, 1, 999_999] as [UInt64] {
      #expect(TickScale(hertz: hertz).multiplier == TickScale(hertz: 1_000_000).multiplier)
    }
    _ = TickScale(hertz: 1_000_000).nanoseconds(UInt64.max)
    _ = TickScale(multiplier: UInt32.max, shift: -63).nanoseconds(UInt64.max)
  }

  @Test func theClockStartsAtItsOrigin() {
    let clock = SystemClock(origin: 1000, hertz: 1_000_000_000, timerHertz: 1_000_000_000)
    #expect(clock.time(at: 1000) == 0)
    #expect((999...1001).contains(clock.time(at: 2000)))
  }
}
