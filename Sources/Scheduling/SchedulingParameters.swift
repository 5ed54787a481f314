// SPDX-License-Identifier: Apache-2.0
//
// The knobs of a run queue, bounded so that no setting can break the arithmetic.

/// The times that govern one run queue, all in nanoseconds.
public struct SchedulingParameters: BitwiseCopyable, Equatable, Sendable {
  /// BVT's context switch allowance C: how long an entity runs past another's claim before it must give way, and so the
  /// shortest slice. 1 ms unless set; `xl sched-credit2 -r` (ratelimit_us) sets it.
  public private(set) var allowance: UInt64
  /// The longest slice while others are runnable; it is divided by their number, down to the allowance. 10 ms unless set.
  public private(set) var maximumSlice: UInt64
  /// The accounting window for caps; fixed for the life of a queue and the same for all queues. 10 ms unless set.
  public let capWindow: UInt64

  /// The longest allowance and slice: one second.
  public static var longestSlice: UInt64 { 1_000_000_000 }
  /// The longest window for caps: one second.
  public static var longestWindow: UInt64 { 1_000_000_000 }
  /// The shortest timer set for a slice when the allowance is smaller: 100 us, the least ratelimit that `xl` accepts
  /// (public/sysctl.h, XEN_SYSCTL_SCHED_RATELIMIT_MIN).
  public static var shortestSlice: UInt64 { 100_000 }

  /// Parameters with these times. Each is brought into its range: the allowance to 0...1 s, the longest slice to at least
  /// the allowance and 100 us and at most 1 s, the window to 1 ms...1 s.
  public init(allowance: UInt64 = 1_000_000, maximumSlice: UInt64 = 10_000_000, capWindow: UInt64 = 10_000_000) {
    self.allowance = min(allowance, Self.longestSlice)
    self.maximumSlice = min(max(maximumSlice, self.allowance, Self.shortestSlice), Self.longestSlice)
    self.capWindow = min(max(capWindow, 1_000_000), Self.longestWindow)
  }

  /// How far an entity may run past the next one's claim when `runnable` entities share the CPU: the longest slice
  /// divided among them, never below the allowance.
  func quantum(runnable: UInt32) -> UInt64 {
    // At most a second, so 32 bits hold it and the division is a cheap one.
    let share = UInt32(truncatingIfNeeded: maximumSlice) / max(1, runnable)
    return max(UInt64(share), shortest)
  }

  /// The shortest slice for which a timer is set.
  var shortest: UInt64 { max(allowance, Self.shortestSlice) }
}
