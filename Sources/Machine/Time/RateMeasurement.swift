// SPDX-License-Identifier: Apache-2.0
// How fast one counter runs, measured by another whose rate is known, on a machine that may stand still at any instruction. Pure.
//
// The timer is read between two readings of the counter (a *bracket*): whatever happens, it was read at some moment between them.
// So two bracketed readings do not give a rate but bounds that hold with certainty, and a reading during which the machine stood
// still has wide bounds, not wrong ones. From each end of the baseline the tightest brackets are kept. What timers themselves
// get wrong (some chip sets' PM timers give a wrong count now and then) is outvoted: the result is what most pairs of readings
// agree on. Where they do not agree, or where the bounds stay wide, the result says so.
import CMachine

/// The count of a timer, and the counter just before and after it was read.
public struct TimerReading: BitwiseCopyable {
  /// The counter before.
  public var before: UInt64
  /// The counter after.
  public var after: UInt64
  /// The timer's count, upwards, of as many bits as the timer has.
  public var count: UInt64

  /// A reading by its parts.
  public init(before: UInt64, after: UInt64, count: UInt64) {
    self.before = before
    self.after = after
    self.count = count
  }

  /// How many ticks of the counter the reading took: at most so wrong it is.
  public var width: UInt64 { after &- before }
}

/// A timer of known rate that can be read.
public protocol KnownTimer {
  /// Femtoseconds in a tick.
  var period: UInt64 { get }
  /// How many bits its count has, at most 32.
  var bits: UInt64 { get }
  /// Reads it between two readings of the counter.
  mutating func read() -> TimerReading
}

extension KnownTimer {
  /// How many ticks lie between two counts less than one round apart.
  public func ticks(from first: UInt64, to last: UInt64) -> UInt64 { (last &- first) & (1 &<< bits &- 1) }
}

/// The tightest of the readings that were taken at one end of a baseline.
public struct ReadingSet: BitwiseCopyable {
  /// How many are kept.
  public static var capacity: Int { 8 }
  var kept = InlineArray<8, TimerReading>(repeating: TimerReading(before: 0, after: 0, count: 0))
  /// How many there are.
  public private(set) var count = 0

  /// No reading.
  public init() {}

  /// A reading, the tightest first.
  public subscript(_ index: Int) -> TimerReading { kept[index] }

  /// Keeps a reading if it is among the tightest. Gives whether it is the tightest of all.
  @discardableResult
  public mutating func add(_ reading: TimerReading) -> Bool {
    var place = count
    while place > 0, reading.width < kept[place &- 1].width { place &-= 1 }
    guard place < ReadingSet.capacity else { return false }
    if count < ReadingSet.capacity { count &+= 1 }
    var index = count &- 1
    while index > place {
      kept[index] = kept[index &- 1]
      index &-= 1
    }
    kept[place] = reading
    return place == 0
  }

  /// Reads a timer until the tightest bracket has not been bettered for a while.
  public init<Timer: KnownTimer>(reading timer: inout Timer) {
    var sinceBest = 0
    var attempts = 0
    while attempts < 256 && sinceBest < 24 {
      sinceBest = add(timer.read()) ? 0 : sinceBest &+ 1
      attempts &+= 1
    }
  }
}

/// A rate, with bounds that hold.
public struct RateBounds: BitwiseCopyable, Equatable {
  /// Not slower than this, in Hz.
  public var low: UInt64
  /// Not faster than this, in Hz.
  public var high: UInt64

  /// A rate between two others.
  public init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// The middle: at most `uncertainty` wrong.
  public var hertz: UInt64 { low &+ (high &- low) / 2 }

  /// How wrong `hertz` may be, in parts per billion.
  public var uncertainty: UInt64 {
    let half = ((high &- low) &+ 1) / 2
    return Ratio.scaled(half, by: 1_000_000_000, over: max(hertz, 1))
  }

  /// Whether the rate is known as well as a clock needs it at its start.
  public var isPrecise: Bool { uncertainty <= 10_000 }

  /// The bounds that a reading at each end gives, `ticks` of the timer apart; nil if they give none.
  init?(from first: TimerReading, to last: TimerReading, ticks: UInt64, period: UInt64) {
    // A count stands for a whole tick: between two of them there is up to one tick more or less.
    guard ticks > 1, last.before > first.after, ticks < 1 &<< 44 else { return nil }
    let shortest = Ratio.scaled(ticks &- 1, by: period, over: 1000)
    let longest = Ratio.scaled(ticks &+ 1, by: period, over: 1000) &+ 1
    guard shortest > 0 else { return nil }
    low = Ratio.scaled(last.before &- first.after, by: 1_000_000_000_000, over: longest)
    high = Ratio.scaled(last.after &- first.before, by: 1_000_000_000_000, over: shortest)
    if high < UInt64.max { high &+= 1 }
  }
}

/// Arithmetic of ratios.
public enum Ratio {
  /// `value * multiplier / divisor`, rounded down; the largest number where it does not fit.
  @inlinable public static func scaled(_ value: UInt64, by multiplier: UInt64, over divisor: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: multiplier)
    return product.high < divisor ? martlet_divide(product.high, product.low, divisor) : UInt64.max
  }
}

/// The counter's rate from the readings at both ends of a baseline.
public enum RateMeasurement {
  /// What most pairs of readings agree on; nil if there is no such thing. `roughly` is what is known of the rate already: with it
  /// the baseline may be longer than the timer's round. Without it must be shorter than half a round.
  public static func rate<Timer: KnownTimer>(
    from first: ReadingSet, to last: ReadingSet, of timer: borrowing Timer, roughly: RateBounds? = nil
  ) -> RateBounds? {
    guard first.count > 0, last.count > 0 else { return nil }
    var pairs = InlineArray<64, RateBounds>(repeating: RateBounds(low: 0, high: 0))
    var count = 0
    for i in 0..<first.count {
      for j in 0..<last.count {
        guard
          let ticks = elapsed(first[i], last[j], timer, roughly),
          let bounds = RateBounds(from: first[i], to: last[j], ticks: ticks, period: timer.period)
        else { continue }
        pairs[count] = bounds
        count &+= 1
      }
    }
    guard let found = agreement(pairs.span, count) else { return nil }
    return found.votes &* 2 > first.count &* last.count ? found.bounds : nil
  }

  /// What most of `count` bounds have in common, and how many those are: the lower bound that lies within most of them, up to the
  /// least upper bound of those. Nil without any, or if nothing bounds it from above.
  static func agreement(_ all: Span<RateBounds>, _ count: Int) -> (bounds: RateBounds, votes: Int)? {
    var most = 0
    var best = RateBounds(low: 0, high: 0)
    for candidate in 0..<count {
      let low = all[candidate].low
      var high = UInt64.max
      var votes = 0
      for index in 0..<count where all[index].low <= low && low <= all[index].high {
        votes &+= 1
        high = min(high, all[index].high)
      }
      if votes > most || votes == most && high &- low < best.high &- best.low {
        most = votes
        best = RateBounds(low: low, high: high)
      }
    }
    return most > 0 && best.low > 0 && best.high < UInt64.max ? (best, most) : nil
  }

  /// The ticks of the timer between two readings, whole rounds included; nil if they cannot be told.
  static func elapsed<Timer: KnownTimer>(
    _ first: TimerReading, _ last: TimerReading, _ timer: borrowing Timer, _ roughly: RateBounds?
  ) -> UInt64? {
    let part = timer.ticks(from: first.count, to: last.count)
    guard let roughly else { return part }
    guard last.before > first.after, roughly.low > 0 else { return nil }
    // Between how many ticks of the timer it must have been, by the counter.
    let least = ticks(of: last.before &- first.after, at: roughly.high, timer.period)
    let most = ticks(of: last.after &- first.before, at: roughly.low, timer.period)
    let round = 1 &<< timer.bits
    let slack: UInt64 = 2
    guard most < 1 &<< 44, most &- least < round / 2 else { return nil }
    let floor = least > slack ? least &- slack : 0
    let rounds = part >= floor ? 0 : (floor &- part &+ round &- 1) &>> timer.bits
    let ticks = part &+ rounds &<< timer.bits
    return ticks <= most &+ slack ? ticks : nil
  }

  private static func ticks(of counted: UInt64, at hertz: UInt64, _ period: UInt64) -> UInt64 {
    let picoseconds = Ratio.scaled(counted, by: 1_000_000_000_000, over: hertz)
    return Ratio.scaled(picoseconds, by: 1000, over: period)
  }
}
