// SPDX-License-Identifier: Apache-2.0
// The clock compared with the platform timer, again and again while the machine runs: how wrong it is for certain, and at what
// rate it has to go on so that the error goes away without a step. Pure.
//
// Only what is certain counts. A reading during which the machine stood still says little, so nothing follows from it. The rate
// is moved into the bounds that the last one to two *memories* of readings prove; an error of the time itself is made up for
// over `slewing` nanoseconds. One comparison changes the rate by `mostChange` at most.

/// Comparing a clock with a timer.
public struct ClockComparison: BitwiseCopyable {
  /// What is to be done after a comparison.
  public enum Verdict: Equatable {
    /// The clock is right as far as can be told.
    case right
    /// Go on with these rates.
    case steer(hertz: UInt64, steered: UInt64)
    /// The counter runs at quite another rate than it did: whoever relied on it has to know.
    case changed(hertz: UInt64, steered: UInt64)
    /// The timer has stood still, or jumps: there is nothing to compare with any more.
    case lost
  }

  struct Point: BitwiseCopyable {
    var reading: TimerReading
    /// Ticks of the timer since the comparison began, rounds included.
    var ticks: UInt64
  }

  /// How long a proof of the rate is remembered, in nanoseconds.
  public let memory: UInt64
  /// By how much the rate may change at a time, in parts per billion.
  public let mostChange: UInt64
  /// Over how long an error of the time is made up for, in nanoseconds.
  static var slewing: UInt64 { 8_000_000_000 }
  /// A difference of rates that is left alone, in parts per billion.
  static var leastChange: UInt64 { 100 }
  /// A change of rate that no counter of constant rate makes, in parts per billion.
  static var impossibleChange: UInt64 { 500_000 }
  /// How many strange readings in a row make a timer useless.
  static var patience: Int { 16 }

  /// The time at the first reading, by the clock.
  private var startTime: UInt64
  private var start: Point
  private var older: Point
  private var newer: Point
  private var last: Point
  private var strange = 0

  /// Begins with a reading that the clock is right at.
  public init(_ reading: TimerReading, _ clock: SystemClock, memory: UInt64, mostChange: UInt64) {
    self.memory = memory
    self.mostChange = mostChange
    start = Point(reading: reading, ticks: 0)
    (older, newer, last) = (start, start, start)
    startTime = clock.time(at: reading.before &+ reading.width / 2)
  }

  /// Takes one more reading, at most some minutes after the last, by the CPU that the clock is for.
  public mutating func compare<Timer: KnownTimer>(
    _ reading: TimerReading, of timer: borrowing Timer, with clock: SystemClock
  ) -> Verdict {
    let assumed = RateBounds(low: clock.hertz &- clock.hertz / 256, high: clock.hertz &+ clock.hertz / 256)
    guard let ticks = RateMeasurement.elapsed(last.reading, reading, timer, assumed), ticks > 1 else {
      strange &+= 1
      return strange >= ClockComparison.patience ? .lost : .right
    }
    strange = 0
    last = Point(reading: reading, ticks: last.ticks &+ ticks)
    var hertz = clock.hertz
    if let bounds = RateBounds(
      from: older.reading, to: reading, ticks: last.ticks &- older.ticks, period: timer.period)
    {
      hertz = min(max(hertz, bounds.low), bounds.high)
    }
    if nanoseconds(last.ticks &- newer.ticks, timer.period) >= memory {
      older = newer
      newer = last
    }
    let error = certainError(clock, timer.period)
    let wanted = Self.corrected(hertz, error)
    let isChanged = difference(hertz, clock.hertz) > ClockComparison.impossibleChange
    if difference(wanted, clock.steered) < ClockComparison.leastChange { return .right }
    let most = Ratio.scaled(clock.steered, by: isChanged ? 4_000_000 : mostChange, over: 1_000_000_000)
    let steered = min(max(wanted, clock.steered &- most), clock.steered &+ most)
    return isChanged ? .changed(hertz: hertz, steered: steered) : .steer(hertz: hertz, steered: steered)
  }

  /// By how many nanoseconds the clock is ahead for certain at the last reading; negative: behind.
  func certainError(_ clock: SystemClock, _ period: UInt64) -> Int64 {
    // The first reading may be half its width off, and either count a tick.
    let slack = nanoseconds(1, period) &+ 1 &+ clock.scale.nanoseconds(start.reading.width) / 2
    let right = startTime &+ nanoseconds(last.ticks, period)
    let (least, most) = (clock.time(at: last.reading.before), clock.time(at: last.reading.after))
    if least > right &+ slack { return Int64(truncatingIfNeeded: least &- right &- slack) }
    if most &+ slack < right { return 0 &- Int64(truncatingIfNeeded: right &- most &- slack) }
    return 0
  }

  /// The rate at which an error goes away in time: a clock that is ahead counts more ticks to the second.
  static func corrected(_ hertz: UInt64, _ error: Int64) -> UInt64 {
    let size = min(error.magnitude, slewing / 8)
    let change = Ratio.scaled(hertz, by: size, over: slewing)
    return error > 0 ? hertz &+ change : hertz &- change
  }

  private func difference(_ a: UInt64, _ b: UInt64) -> UInt64 {
    Ratio.scaled(a > b ? a &- b : b &- a, by: 1_000_000_000, over: max(b, 1))
  }

  private func nanoseconds(_ ticks: UInt64, _ period: UInt64) -> UInt64 {
    Ratio.scaled(ticks, by: period, over: 1_000_000)
  }
}
