// SPDX-License-Identifier: Apache-2.0
// A few frames that stand alone: the devices that the hypervisor keeps to itself. For ranges there is NumberRanges.swift.

/// A small set of frame numbers.
public struct SmallFrameSet: BitwiseCopyable {
  var numbers = InlineArray<12, UInt64>(repeating: UInt64.max)

  /// The empty set.
  public init() {}

  /// Adds a frame; false when the set is full.
  public mutating func insert(_ number: UInt64) -> Bool {
    for index in numbers.indices where numbers[index] == UInt64.max || numbers[index] == number {
      numbers[index] = number
      return true
    }
    return false
  }

  /// Whether a frame from `first` to `last` is in the set.
  public func touches(_ first: UInt64, through last: UInt64) -> Bool {
    for index in numbers.indices where numbers[index] >= first && numbers[index] <= last { return true }
    return false
  }

  /// Whether the frame is in the set.
  public func contains(_ number: UInt64) -> Bool {
    for index in numbers.indices where numbers[index] == number { return true }
    return false
  }
}
