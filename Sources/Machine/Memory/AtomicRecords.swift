// SPDX-License-Identifier: Apache-2.0
// A table of four-word records that any CPU reads and changes at any time: one comparison of a record's number guards each
// access, and the compiler sees that it is the comparison that callers make themselves.
import CMachine

/// A word of a record: the record's number, and the word's place in it (0 to 3).
public struct RecordWord: BitwiseCopyable {
  @usableFromInline let record: UInt64
  @usableFromInline let word: UInt64

  @inlinable @inline(__always)
  public init(_ record: UInt64, word: UInt64) {
    self.record = record
    self.word = word
  }
}

/// Records of four atomic words, in contiguous frames of the hypervisor's.
@safe
public struct AtomicRecords: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutablePointer<UInt64>
  /// How many records the table has.
  public let count: UInt64

  /// How many frames `count` records take.
  public static func framesNeeded(for count: UInt64) -> UInt64 { (count &* 32 &+ 4095) &>> 12 }

  /// A table in `framesNeeded(for:)` frames from `first` on, which must belong to the hypervisor and hold nothing else;
  /// zeroes it.
  public init(first: MachineFrame, count: UInt64) {
    let frames = AtomicRecords.framesNeeded(for: count)
    precondition(count < 1 &<< 40 && frames <= PhysicalWindow.frameCount)
    precondition(first.number <= PhysicalWindow.frameCount &- frames)
    // SAFETY: 1. In the window, checked; 2. handed over to this table for good.
    unsafe base = UnsafeMutablePointer(bitPattern: UInt(PhysicalWindow.linear(first))).unsafelyUnwrapped
    self.count = count
    unsafe base.initialize(repeating: 0, count: Int(frames &* 512))
  }

  @usableFromInline @inline(__always)
  func address(_ place: RecordWord) -> UnsafeMutablePointer<UInt64> {
    precondition(place.record < count && place.word < 4)
    // SAFETY: 1. Checked just above.
    return unsafe base + Int(truncatingIfNeeded: place.record &<< 2 &+ place.word)
  }

  @inlinable @inline(__always)
  public func load(_ place: RecordWord) -> UInt64 {
    // SAFETY: 1. `address` checks.
    unsafe martlet_load64(address(place))
  }
  @inlinable @inline(__always)
  public func store(_ place: RecordWord, _ value: UInt64) {
    // SAFETY: 1. `address` checks.
    unsafe martlet_store64(address(place), value)
  }
  /// Gives what was there: `expected` exactly when the exchange took place.
  @inlinable @inline(__always)
  public func compareExchange(_ place: RecordWord, expected: UInt64, desired: UInt64) -> UInt64 {
    // SAFETY: 1. `address` checks.
    unsafe martlet_cas64(address(place), expected, desired)
  }
  @discardableResult @inlinable @inline(__always)
  public func fetchAdd(_ place: RecordWord, _ value: UInt64) -> UInt64 {
    // SAFETY: 1. `address` checks.
    unsafe martlet_add64(address(place), value)
  }
  @discardableResult @inlinable @inline(__always)
  public func fetchOr(_ place: RecordWord, _ bits: UInt64) -> UInt64 {
    // SAFETY: 1. `address` checks.
    unsafe martlet_or64(address(place), bits)
  }
  @discardableResult @inlinable @inline(__always)
  public func fetchAnd(_ place: RecordWord, _ bits: UInt64) -> UInt64 {
    // SAFETY: 1. `address` checks.
    unsafe martlet_and64(address(place), bits)
  }
}
