// SPDX-License-Identifier: Apache-2.0
// How often something may happen that others pay for: a stock of permissions that fills up again with time.

/// A stock of `burst` permissions, to which one comes back every `interval` nanoseconds. One word: when the stock will be full.
public struct RateLimit: BitwiseCopyable {
  private var full: UInt64 = 0

  /// A full stock.
  public init() {}

  /// Takes a permission at `now`, in system time, if there is one.
  mutating func take(now: UInt64, burst: UInt64, interval: UInt64) -> Bool {
    let start = max(full, now)
    guard start &- now <= (burst &- 1) &* interval else { return false }
    full = start &+ interval
    return true
  }
}
