// SPDX-License-Identifier: Apache-2.0
//
// How long a CPU had nobody to run.

/// The time that a CPU has idled, in nanoseconds. What is neither idle time nor an entity's running time went into decisions.
public struct IdleTime: BitwiseCopyable, Sendable {
  /// Idle intervals that have ended.
  private var closed: UInt64 = 0
  /// When the present one began, in system time; `UInt64.max` while there is none.
  private var since: UInt64 = 0

  /// The account of a CPU that has idled since system time zero.
  init() {}

  /// The CPU has nobody to run from `now` on.
  mutating func begin(at now: UInt64) {
    if since == UInt64.max { since = now }
  }

  /// The CPU has somebody to run from `now` on.
  mutating func end(at now: UInt64) {
    closed = total(at: now)
    since = UInt64.max
  }

  /// Nanoseconds idled up to `now`.
  public func total(at now: UInt64) -> UInt64 { now > since ? closed &+ (now &- since) : closed }
}
