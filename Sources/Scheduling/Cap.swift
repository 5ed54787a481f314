// SPDX-License-Identifier: Apache-2.0
//
// Caps: a bound on how much CPU the entities of a domain get together even when nobody else wants it.
//
// The budget of a window is the domain's, and its entities draw pieces of it as they run: what one does not use, another can.
// An entity gives back what is left of its piece whenever it leaves the CPU, and owes what it has overdrawn.

/// What an entity has drawn from its domain's budget. Only the current entity of a queue holds a piece.
public struct CapState: BitwiseCopyable, Sendable {
  /// Nanoseconds that all entities of the domain may run in each window; 0: no cap.
  public internal(set) var budget: UInt64 = 0
  /// How much an entity draws at once, in nanoseconds.
  var piece: UInt64 = 0
  /// What it has drawn and not given back.
  var drawn: UInt64 = 0
  /// Nanoseconds run since it drew.
  public internal(set) var used: UInt64 = 0
  /// When the window in which it drew or parked ends, in nanoseconds of system time.
  public internal(set) var windowEnd: UInt64 = 0

  /// The largest budget that is told from a larger one, 2^38 ns.
  static var largestBudget: UInt64 { 1 << 38 }

  /// The budget that gives `percent` of one CPU, at least 1 ns. 0 (no cap) for a percentage of 0, or when each of `sharers`
  /// entities (the vCPUs of a domain) could run all the time.
  public static func budget(percent: UInt16, sharers: UInt32 = 1, window: UInt64) -> UInt64 {
    guard percent != 0 else { return 0 }
    if UInt64(percent) >= UInt64(max(1, sharers)) &* 100 { return 0 }
    // The window is at most a second and the percentage 16 bits: the product fits.
    return max(1, min(window, SchedulingParameters.longestWindow) &* UInt64(percent) / 100)
  }

  /// A cap of `budget` nanoseconds in each window for `sharers` entities together; a budget of 0: none.
  init(budget: UInt64 = 0, sharers: UInt32 = 1) {
    self.budget = min(budget, Self.largestBudget)
    // Alone an entity draws all there is. With others it draws little enough that they come to run as well, and enough
    // that decisions stay rare.
    piece = sharers <= 1 ? self.budget : max(self.budget / (2 &* UInt64(sharers)), 250_000)
  }

  /// Whether the entity has a cap.
  public var isCapped: Bool { budget != 0 }

  /// Whether a capped entity has to draw before it may run on.
  func isExhausted(at now: UInt64) -> Bool { budget != 0 && (used >= drawn || now >= windowEnd) }

  /// How long it may run on what it has drawn, in nanoseconds; `UInt64.max` without a cap.
  func remaining(at now: UInt64) -> UInt64 {
    guard budget != 0 else { return UInt64.max }
    return min(drawn > used ? drawn &- used : 0, windowEnd > now ? windowEnd &- now : 0)
  }

  /// Counts `elapsed` nanoseconds of running time.
  mutating func charge(_ elapsed: UInt64) {
    let (sum, overflow) = used.addingReportingOverflow(elapsed)
    used = overflow ? UInt64.max : sum
  }
}

/// What is left of a domain's budget in the present window. A plain word, so that the CPUs that run the domain can change it
/// by comparing and exchanging. Windows are aligned to multiples of their length in system time: all CPUs agree on them.
public struct SharedBudget: BitwiseCopyable, Equatable, Sendable {
  /// The window's number in bits 63-40 (its low 24 bits), what is left as a signed number in bits 39-0.
  public var rawValue: UInt64

  /// The budget that stands in a word.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// A budget of which the first window has not begun yet.
  public init() { rawValue = 0xff_ffff &<< 40 }

  /// Nanoseconds left; negative: owed to the windows that come.
  var left: Int64 {
    get { Int64(bitPattern: rawValue &<< 24) &>> 24 }
    set {
      let bounded = min(max(newValue, -(1 << 39)), (1 << 39) &- 1)
      rawValue = (rawValue & ~((1 << 40) &- 1)) | (UInt64(bitPattern: bounded) & ((1 << 40) &- 1))
    }
  }

  /// The low 24 bits of the number of the window of which it is.
  var window: UInt64 {
    get { rawValue &>> 40 }
    set { rawValue = (rawValue & ((1 << 40) &- 1)) | newValue &<< 40 }
  }

  /// Opens the window that holds `now`, if it is a later one: it has a whole budget, less what is owed.
  mutating func open(at now: UInt64, budget: UInt64, window length: UInt64) {
    let number = (now / max(1, length)) & 0xff_ffff
    let passed = (number &- window) & 0xff_ffff
    // A few windows back: another CPU's clock is a little ahead.
    guard passed != 0, passed < 0xff_ff00 else { return }
    window = number
    let most = Int64(truncatingIfNeeded: min(budget, CapState.largestBudget))
    guard left < 0 else {
      left = most
      return
    }
    let (paid, overflow) = most.multipliedReportingOverflow(by: Int64(truncatingIfNeeded: passed))
    left = overflow ? most : min(most, left &+ min(paid, 1 << 40))
  }

  /// Takes `wanted` nanoseconds, or what is left of them.
  mutating func draw(_ wanted: UInt64) -> UInt64 {
    guard left > 0 else { return 0 }
    let taken = min(wanted, UInt64(left))
    left = left &- Int64(taken)
    return taken
  }

  /// Settles for a piece drawn in a window that ends at `end`: what was not used is there again while the window lasts, what
  /// was used beyond it is owed.
  mutating func settle(drawn: UInt64, used: UInt64, end: UInt64, window length: UInt64) {
    if used > drawn {
      left = left &- Int64(min(used &- drawn, 1 << 39))
    } else if window == ((end / max(1, length)) &- 1) & 0xff_ffff {
      left = left &+ Int64(min(drawn &- used, 1 << 39))
    }
  }
}
