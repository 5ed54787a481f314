// SPDX-License-Identifier: Apache-2.0
// A few ranges of numbers: the device frames, ports or interrupts that a domain has been given. A domain with devices has a
// handful, so there is a fixed number of places and no memory of its own.

/// A set of numbers, kept as at most eight ranges that do not touch each other.
public struct NumberRanges: BitwiseCopyable {
  struct Bounds: BitwiseCopyable {
    var first: UInt64
    var last: UInt64
  }
  /// How many ranges there is room for.
  public static let capacity = 8

  // The ranges below `count` are meant, in no order.
  var ranges = InlineArray<8, Bounds>(repeating: Bounds(first: 0, last: 0))
  /// How many ranges there are.
  public private(set) var count = 0

  /// The empty set.
  public init() {}

  /// Whether it holds nothing.
  @inline(__always)
  public var isEmpty: Bool { count == 0 }

  /// Whether all numbers from `first` to `last` are in the set.
  public func contains(_ first: UInt64, through last: UInt64) -> Bool {
    for index in 0..<count where ranges[index].first <= first && last <= ranges[index].last { return true }
    return false
  }

  /// Adds the numbers from `first` to `last`. False, with nothing changed, without room for another range.
  public mutating func insert(_ first: UInt64, through last: UInt64) -> Bool {
    guard first <= last else { return false }
    var whole = Bounds(first: first, last: last)
    var index = 0
    var changed = self
    while index < changed.count {
      let one = changed.ranges[index]
      if touches(one, whole) {
        whole = Bounds(first: min(one.first, whole.first), last: max(one.last, whole.last))
        changed.remove(at: index)
        // What has grown may touch one that it did not touch before.
        index = 0
      } else {
        index &+= 1
      }
    }
    guard changed.count < NumberRanges.capacity else { return false }
    changed.append(whole)
    self = changed
    return true
  }

  /// Takes the numbers from `first` to `last` out. False, with nothing changed, if that would leave more ranges than there is
  /// room for.
  public mutating func remove(_ first: UInt64, through last: UInt64) -> Bool {
    guard first <= last else { return false }
    var changed = NumberRanges()
    for index in 0..<count {
      let one = ranges[index]
      if one.last < first || one.first > last {
        guard changed.append(one) else { return false }
        continue
      }
      if one.first < first {
        guard changed.append(Bounds(first: one.first, last: first &- 1)) else { return false }
      }
      if one.last > last {
        guard changed.append(Bounds(first: last &+ 1, last: one.last)) else { return false }
      }
    }
    self = changed
    return true
  }

  private func touches(_ a: Bounds, _ b: Bounds) -> Bool {
    (a.last == UInt64.max || b.first <= a.last &+ 1) && (b.last == UInt64.max || a.first <= b.last &+ 1)
  }

  @discardableResult
  private mutating func append(_ one: Bounds) -> Bool {
    guard count < NumberRanges.capacity else { return false }
    ranges[count] = one
    count &+= 1
    return true
  }

  private mutating func remove(at index: Int) {
    count &-= 1
    ranges[index] = ranges[count]
  }
}
