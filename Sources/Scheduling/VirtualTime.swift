// SPDX-License-Identifier: Apache-2.0
//
// Virtual time: a clock that runs slower for heavier entities. It wraps around, so it is never compared with `<`.

/// A point on the virtual clock, in nanoseconds that an entity of the default weight (256) would have run.
///
/// The clock of an entity of weight 1 runs 256 times faster than real time and would leave 64 bits after 2.3 years, so
/// the value wraps and two points are compared by their signed distance. That is right while they are less than 2^63
/// (292 virtual years) apart. Runnable entities of a queue are at most a few slices apart; a sleeping one falls behind
/// by at most 256 times the time slept, which is why `BVTEntity` forgets virtual time after `forgettingPeriod` asleep.
public struct VirtualTime: Equatable, BitwiseCopyable, Sendable {
  /// The wrapping nanosecond count.
  public var rawValue: UInt64

  /// Makes the point with this wrapping count.
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  /// The signed distance from `origin` to this point, in virtual nanoseconds; positive when this point is later.
  public func distance(from origin: VirtualTime) -> Int64 {
    Int64(bitPattern: rawValue &- origin.rawValue)
  }

  /// Whether this point comes strictly before `other`.
  public func precedes(_ other: VirtualTime) -> Bool { distance(from: other) < 0 }

  /// The point `nanoseconds` of virtual time after this one (wrapping, as the clock does).
  public func advanced(by nanoseconds: UInt64) -> VirtualTime { VirtualTime(rawValue &+ nanoseconds) }

  /// The point `nanoseconds` of virtual time before this one (wrapping, as the clock does).
  public func movedBack(by nanoseconds: UInt64) -> VirtualTime { VirtualTime(rawValue &- nanoseconds) }

  /// The later of this point and `other`.
  public func orLater(_ other: VirtualTime) -> VirtualTime { precedes(other) ? other : self }
}

/// Conversions between real time and virtual time. All are total: what does not fit saturates, with the reason given.
public enum VirtualRate {
  /// The weight whose virtual clock runs at the rate of real time: the default of `xl sched-credit2 -w`.
  public static var defaultWeight: UInt16 { 256 }

  /// The longest real time charged in one go, 2^54 ns (208 days). A longer uninterrupted run means that nobody else was
  /// runnable all that time, so charging less of it takes nothing from anyone.
  static var longestCharge: UInt64 { 1 << 54 }

  /// Virtual time for `elapsed` nanoseconds run at `weight`, with the fraction carried in `remainder` (below the weight).
  static func virtual(elapsed: UInt64, weight: UInt16, remainder: inout UInt16) -> UInt64 {
    let elapsed = min(elapsed, longestCharge)
    if weight == defaultWeight { return elapsed }  // Spares the division; the remainder stays what it was.
    let weight = UInt64(max(1, weight))
    // At most 2^54 * 2^8 + 2^16: fits. The new remainder is below the weight, so below 2^16.
    let scaled = (elapsed &<< 8) &+ UInt64(remainder)
    let quotient = scaled / weight
    remainder = UInt16(truncatingIfNeeded: scaled &- quotient &* weight)
    return quotient
  }

  /// Virtual time for `elapsed` nanoseconds run at `weight`, the fraction dropped.
  static func virtual(elapsed: UInt64, weight: UInt16) -> UInt64 {
    var remainder: UInt16 = 0
    return virtual(elapsed: elapsed, weight: weight, remainder: &remainder)
  }

  /// The real nanoseconds, rounded up, in which an entity of `weight` gains `virtual`; saturates at `UInt64.max`, which
  /// every caller then bounds by a slice.
  static func real(virtual: UInt64, weight: UInt16) -> UInt64 {
    let (product, overflow) = virtual.multipliedReportingOverflow(by: UInt64(weight))
    if overflow { return UInt64.max }
    return (product &>> 8) &+ (product & 0xFF == 0 ? 0 : 1)
  }

  /// The same rounded down.
  static func realRoundedDown(virtual: UInt64, weight: UInt16) -> UInt64 {
    let (product, overflow) = virtual.multipliedReportingOverflow(by: UInt64(weight))
    return overflow ? UInt64.max : product &>> 8
  }
}
