// SPDX-License-Identifier: Apache-2.0
//
// Where an entity's time goes. The four states and their sums are what a guest reads through VCPUOP_get_runstate_info.

/// What an entity is doing, as a guest sees it (public/vcpu.h, RUNSTATE_*).
public enum Runstate: UInt8, BitwiseCopyable, Sendable {
  /// On a physical CPU (RUNSTATE_running).
  case running = 0
  /// Wanting a physical CPU; also while parked over its cap (RUNSTATE_runnable).
  case runnable = 1
  /// Waiting for an event of its own accord (RUNSTATE_blocked).
  case blocked = 2
  /// Down, paused or not yet started (RUNSTATE_offline).
  case offline = 3
}

/// Nanoseconds spent in each runstate. Their sum is exactly the time since the account was opened.
public struct RunstateTimes: BitwiseCopyable, Equatable, Sendable {
  /// Nanoseconds on a physical CPU: the total run time.
  public internal(set) var running: UInt64 = 0
  /// Nanoseconds waiting for a physical CPU.
  public internal(set) var runnable: UInt64 = 0
  /// Nanoseconds blocked.
  public internal(set) var blocked: UInt64 = 0
  /// Nanoseconds offline.
  public internal(set) var offline: UInt64 = 0

  /// The time in `state`, in nanoseconds.
  public subscript(state: Runstate) -> UInt64 {
    switch state {
    case .running: running
    case .runnable: runnable
    case .blocked: blocked
    case .offline: offline
    }
  }

  /// Adds `elapsed` to `state`. The sum is bounded by the machine's clock, which holds 584 years: wrapping cannot occur.
  mutating func add(_ elapsed: UInt64, to state: Runstate) {
    switch state {
    case .running: running &+= elapsed
    case .runnable: runnable &+= elapsed
    case .blocked: blocked &+= elapsed
    case .offline: offline &+= elapsed
    }
  }

  /// The sum over all states, in nanoseconds.
  public var total: UInt64 { running &+ runnable &+ blocked &+ offline }
}

/// A clock account: the current runstate, since when, and the time spent in every state before that.
public struct RunstateAccount: BitwiseCopyable, Sendable {
  /// The current state.
  public private(set) var state: Runstate
  /// When the current state was entered, in nanoseconds of system time.
  public private(set) var since: UInt64
  /// The closed intervals; `times(at:)` adds the open one.
  private var closed = RunstateTimes()

  /// Opens the account at `now` in `state`.
  public init(state: Runstate, now: UInt64) {
    self.state = state
    self.since = now
  }

  /// Ends the current interval at `now` and enters `state`. A `now` before the last change (a clock read on another CPU)
  /// counts as that change's time, so no nanosecond is lost or counted twice.
  mutating func enter(_ state: Runstate, now: UInt64) {
    if now > since {
      closed.add(now &- since, to: self.state)
      since = now
    }
    self.state = state
  }

  /// The time spent in each state up to `now`, the current interval included.
  public func times(at now: UInt64) -> RunstateTimes {
    var times = closed
    if now > since { times.add(now &- since, to: state) }
    return times
  }
}
