// SPDX-License-Identifier: Apache-2.0
//
// A set of physical CPUs, used for affinity and for the caller's sets of online and idle CPUs.

/// A set of physical CPU numbers from 0 to 255. Numbers outside that range are never members.
public struct CPUMask: BitwiseCopyable, Equatable, Sendable {
  /// How many CPU numbers a mask can hold.
  public static var capacity: Int { 256 }

  /// Bit `n % 64` of word `n / 64` is CPU `n`, the layout of a little-endian `xenctl_bitmap` (public/domctl.h).
  public private(set) var words: InlineArray<4, UInt64>

  /// The empty set.
  public init() { words = InlineArray(repeating: 0) }

  /// The set with these words; bit `n % 64` of word `n / 64` is CPU `n`.
  public init(words: InlineArray<4, UInt64>) { self.words = words }

  /// The set of `cpu` alone, empty when `cpu` is out of range.
  public init(cpu: Int) {
    self.init()
    insert(cpu)
  }

  /// The set of CPUs 0 up to, not including, `count` (at most 256; empty when negative).
  public init(firstCPUs count: Int) {
    self.init()
    for word in 0..<4 {
      let bits = min(64, max(0, count &- word &* 64))
      words[word] = bits == 64 ? UInt64.max : (1 &<< UInt64(bits)) &- 1
    }
  }

  /// The set of all 256 numbers.
  public static var all: CPUMask { CPUMask(words: InlineArray(repeating: UInt64.max)) }

  /// Whether `cpu` is a member.
  public func contains(_ cpu: Int) -> Bool {
    guard cpu >= 0, cpu < 256 else { return false }
    return words[cpu &>> 6] &>> UInt64(cpu & 63) & 1 != 0
  }

  /// Adds `cpu`; out of range numbers are ignored.
  public mutating func insert(_ cpu: Int) {
    guard cpu >= 0, cpu < 256 else { return }
    words[cpu &>> 6] |= 1 &<< UInt64(cpu & 63)
  }

  /// Takes `cpu` out, if it is a member.
  public mutating func remove(_ cpu: Int) {
    guard cpu >= 0, cpu < 256 else { return }
    words[cpu &>> 6] &= ~(1 &<< UInt64(cpu & 63))
  }

  /// Whether there is no member.
  public var isEmpty: Bool { words[0] | words[1] | words[2] | words[3] == 0 }

  /// How many members there are.
  public var count: Int {
    words[0].nonzeroBitCount &+ words[1].nonzeroBitCount &+ words[2].nonzeroBitCount &+ words[3].nonzeroBitCount
  }

  /// The members of both sets.
  public func intersection(_ other: CPUMask) -> CPUMask {
    var result = self
    for word in 0..<4 { result.words[word] &= other.words[word] }
    return result
  }

  /// The members of either set.
  public func union(_ other: CPUMask) -> CPUMask {
    var result = self
    for word in 0..<4 { result.words[word] |= other.words[word] }
    return result
  }

  /// The members that are not in `other`.
  public func subtracting(_ other: CPUMask) -> CPUMask {
    var result = self
    for word in 0..<4 { result.words[word] &= ~other.words[word] }
    return result
  }

  /// The lowest member, `nil` when empty.
  public var first: Int? { first(notBefore: 0) }

  /// The lowest member that is `start` or higher, `nil` when there is none.
  public func first(notBefore start: Int) -> Int? {
    guard start < 256 else { return nil }
    let start = max(0, start)
    var word = start &>> 6
    var bits = words[word] & (UInt64.max &<< UInt64(start & 63))
    while bits == 0 {
      word &+= 1
      guard word < 4 else { return nil }
      bits = words[word]
    }
    return word &* 64 &+ bits.trailingZeroBitCount
  }

  /// The nearest member at or after `start`, going round from 255 to 0; `nil` when empty.
  public func next(from start: Int) -> Int? { first(notBefore: start) ?? first(notBefore: 0) }

  /// Whether both sets have the same members.
  public static func == (left: CPUMask, right: CPUMask) -> Bool {
    var difference: UInt64 = 0
    for word in 0..<4 { difference |= left.words[word] ^ right.words[word] }
    return difference == 0
  }
}
