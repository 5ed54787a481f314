// SPDX-License-Identifier: Apache-2.0
//
// Caps: a bound on how much CPU an entity gets even when nobody else wants it, kept as a budget per accounting window.

/// An entity's budget in the current accounting window. Windows are aligned to multiples of their length in system time,
/// so every CPU agrees on them and an entity keeps its account when it moves.
public struct CapState: BitwiseCopyable, Sendable {
  /// Nanoseconds the entity may run in each window; 0: no cap.
  public internal(set) var budget: UInt64 = 0
  /// Nanoseconds run in this window, with what earlier windows were overdrawn by.
  public internal(set) var used: UInt64 = 0
  /// When the current window ends, in nanoseconds of system time.
  public internal(set) var windowEnd: UInt64 = 0

  /// The budget that gives `percent` of one CPU, split evenly over `sharers` entities (the vCPUs of a domain), at least
  /// 1 ns. 0 (no cap) for a percentage of 0 or when each sharer gets a whole CPU anyway.
  public static func budget(percent: UInt16, sharers: UInt32 = 1, window: UInt64) -> UInt64 {
    guard percent != 0 else { return 0 }
    let sharers = UInt64(max(1, sharers))
    if UInt64(percent) >= sharers &* 100 { return 0 }
    // The window is at most a second and the percentage 16 bits: the product fits.
    return max(1, min(window, SchedulingParameters.longestWindow) &* UInt64(percent) / (100 &* sharers))
  }

  /// Whether the entity has a cap.
  public var isCapped: Bool { budget != 0 }

  /// Whether a capped entity has used up its window.
  var isExhausted: Bool { budget != 0 && used >= budget }

  /// What is left of this window's budget in nanoseconds, `UInt64.max` without a cap.
  var remaining: UInt64 {
    guard budget != 0 else { return UInt64.max }
    return budget > used ? budget &- used : 0
  }

  /// Opens the windows that began by `now`, through which the entity did not run: each pays back one budget of debt.
  mutating func roll(to now: UInt64, window: UInt64) {
    guard now >= windowEnd, window != 0 else { return }
    // At least 1, and `now / window` at most, so the product below is at most `now` + `window`; it may wrap only in the
    // last second of the clock's 584 years.
    let windows = (now &- windowEnd) / window &+ 1
    let (paid, overflow) = windows.multipliedReportingOverflow(by: budget)
    used = overflow || paid >= used ? 0 : used &- paid
    windowEnd = windowEnd &+ windows &* window
  }

  /// Counts the run from `start` to `now` against the windows in which it fell.
  mutating func charge(from start: UInt64, to now: UInt64, window: UInt64) {
    guard budget != 0, window != 0, now > start else { return }
    roll(to: start, window: window)
    if now < windowEnd {
      used = used &+ (now &- start)
      return
    }
    // The rest of the window in which the run began.
    used = used &+ (windowEnd &- start)
    used = used > budget ? used &- budget : 0
    // Windows run through from end to end, then the beginning of the one that holds `now`. A budget is below a window.
    let whole = (now &- windowEnd) / window
    used = used &+ whole &* (window &- min(window, budget))
    used = used &+ (now &- windowEnd &- whole &* window)
    windowEnd = windowEnd &+ (whole &+ 1) &* window
  }
}
