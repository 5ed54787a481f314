// SPDX-License-Identifier: Apache-2.0
// A timer and a counter on a machine that stands still now and then, at the worst moments: between the readings of a bracket.
@testable import Machine

struct SimulatedTimer: KnownTimer {
  let period: UInt64
  let bits: UInt64
  /// The counter's true rate.
  var hertz = 2_445_400_000.0
  /// True time, in nanoseconds.
  var time = 1e9
  /// What half a reading takes, in nanoseconds.
  var cost = 500.0
  /// How often the machine stands still in half a reading, and for how many nanoseconds at most.
  var pauseChance = 0.0
  var longestPause = 0.0
  /// How often the timer gives a count that means nothing.
  var glitchChance = 0.0
  /// The timer stands still; the counter does.
  var isStopped = false
  var isCounterStopped = false
  var random: UInt64

  static func hpet(_ seed: UInt64) -> SimulatedTimer { SimulatedTimer(period: 10_000_000, bits: 32, random: seed) }
  static func powerManagement(_ seed: UInt64) -> SimulatedTimer {
    SimulatedTimer(period: 279_365_115, bits: 24, random: seed)
  }
  static func interval(_ seed: UInt64) -> SimulatedTimer {
    SimulatedTimer(period: 838_095_110, bits: 16, random: seed)
  }

  /// From 0 up to 1.
  mutating func next() -> Double {
    random &+= 0x9e37_79b9_7f4a_7c15
    var z = random
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return Double((z ^ (z >> 31)) >> 11) / Double(1 << 53)
  }

  /// The counter at time zero.
  var start = 12345.0
  var counter: UInt64 { isCounterStopped ? 5 : UInt64(time * hertz / 1e9 + start) }

  /// From now on the counter runs at another rate.
  mutating func change(by factor: Double) {
    start += time * hertz / 1e9 * (1 - factor)
    hertz *= factor
  }

  private mutating func pass() {
    time += cost * (0.5 + next())
    if next() < pauseChance { time += next() * longestPause }
  }

  mutating func read() -> TimerReading {
    let before = counter
    pass()
    var count = isStopped ? 7 : UInt64(time * 1e6 / Double(period)) & (1 << bits - 1)
    if next() < glitchChance { count = UInt64(next() * Double(1 << bits)) }
    pass()
    return TimerReading(before: before, after: counter, count: count)
  }

  mutating func tightest() -> TimerReading {
    var readings = ReadingSet()
    for _ in 0..<ReadingSet.capacity { readings.add(read()) }
    return readings[0]
  }
}
