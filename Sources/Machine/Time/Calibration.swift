// SPDX-License-Identifier: Apache-2.0
// The counter measured against a timer while the machine boots: a rough figure at once, for waiting, and a precise one when the
// boot has made the baseline long. No step waits for ever: a timer that stands still is found out. Pure but for the timer.

/// A measurement of the counter's rate that has been begun.
public struct Calibration<Timer: KnownTimer> {
  /// The timer.
  public var timer: Timer
  /// What was read at its beginning.
  public let first: ReadingSet
  /// What the counter's rate is known to be so far.
  public private(set) var rate: RateBounds

  /// How many readings in a row may give the same count: no timer is that much slower than reading it is.
  static var patience: Int { 20_000 }
  /// How many readings a timer gets for a millisecond.
  static var mostReadings: Int { 1_000_000 }
  /// How many short baselines the rough figure is taken from.
  static var attempts: Int { 5 }

  /// Reads the timer for some five milliseconds; nil if it or the counter stands still, or if nothing can be made of it.
  public init?(_ timer: consuming Timer) {
    self.timer = timer
    first = ReadingSet(reading: &self.timer)
    var found = InlineArray<5, RateBounds>(repeating: RateBounds(low: 0, high: 0))
    var count = 0
    var start = first
    // A pause longer than the timer's round makes one attempt wrong, not most of them.
    for _ in 0..<Calibration.attempts {
      guard Calibration.waitOneMillisecond(&self.timer) else { return nil }
      let end = ReadingSet(reading: &self.timer)
      if let bounds = RateMeasurement.rate(from: start, to: end, of: self.timer) {
        found[count] = bounds
        count &+= 1
      }
      start = end
    }
    guard let agreed = RateMeasurement.agreement(found.span, count), agreed.votes &* 2 > Calibration.attempts,
      // What is not between 1 MHz and 100 GHz is no counter, or no timer.
      agreed.bounds.low >= 1_000_000, agreed.bounds.high <= 100_000_000_000
    else { return nil }
    rate = agreed.bounds
  }

  /// Lets a millisecond pass by the timer. False if it stands still.
  private static func waitOneMillisecond(_ timer: inout Timer) -> Bool {
    let wanted = max(1_000_000_000_000 / timer.period, 4)
    let start = timer.read().count
    var last = start
    var same = 0
    for _ in 0..<mostReadings {
      let now = timer.read().count
      if timer.ticks(from: start, to: now) >= wanted { return true }
      same = now == last ? same &+ 1 : 0
      if same > patience { return false }
      last = now
    }
    return false
  }

  /// Reads the timer at the end of the baseline. False if it agrees with nothing that was read before; `rate` stays as it was then.
  public mutating func finish() -> Bool {
    let last = ReadingSet(reading: &timer)
    guard let better = RateMeasurement.rate(from: first, to: last, of: timer, roughly: rate) else { return false }
    if better.uncertainty < rate.uncertainty { rate = better }
    return true
  }
}
