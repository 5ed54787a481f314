// SPDX-License-Identifier: Apache-2.0
// A table of atomic 64-bit words in the hypervisor's own memory: the storage under the frame ledger and other per-frame or
// per-port bookkeeping that many CPUs change at once.
import CMachine

/// A fixed table of 64-bit words, each changed atomically. Copyable: it is a view of memory that is never given back.
@safe
public struct AtomicTable: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutablePointer<UInt64>
  /// How many words the table has.
  public let count: Int

  /// The table in `frames` frames from `first` on, which must belong to the hypervisor and hold nothing else; zeroes it.
  public init(first: MachineFrame, frames: UInt64) {
    precondition(
      frames > 0 && frames <= PhysicalWindow.frameCount && first.number <= PhysicalWindow.frameCount &- frames)
    // SAFETY: 1. In the window, checked; 2. handed over to this table for good.
    unsafe base = UnsafeMutablePointer(bitPattern: UInt(PhysicalWindow.linear(first))).unsafelyUnwrapped
    count = Int(frames &* 512)
    unsafe base.initialize(repeating: 0, count: count)
  }

  @usableFromInline @inline(__always)
  func word(_ index: Int) -> UnsafeMutablePointer<UInt64> {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    // SAFETY: 1. Checked just above.
    return unsafe base + index
  }

  /// Reads a word.
  @inlinable public func load(_ index: Int) -> UInt64 {
    // SAFETY: 1. `word` checks.
    unsafe martlet_load64(word(index))
  }
  /// Writes a word.
  @inlinable public func store(_ index: Int, _ value: UInt64) {
    // SAFETY: 1. `word` checks.
    unsafe martlet_store64(word(index), value)
  }
  /// Gives what was there: `expected` exactly when the exchange took place.
  @inlinable public func compareExchange(_ index: Int, expected: UInt64, desired: UInt64) -> UInt64 {
    // SAFETY: 1. `word` checks.
    unsafe martlet_cas64(word(index), expected, desired)
  }
  /// Adds, wrapping; gives what was there.
  @discardableResult @inlinable public func fetchAdd(_ index: Int, _ value: UInt64) -> UInt64 {
    // SAFETY: 1. `word` checks.
    unsafe martlet_add64(word(index), value)
  }
  /// Sets bits; gives what was there.
  @discardableResult @inlinable public func fetchOr(_ index: Int, _ bits: UInt64) -> UInt64 {
    // SAFETY: 1. `word` checks.
    unsafe martlet_or64(word(index), bits)
  }
  /// Keeps only the given bits; gives what was there.
  @discardableResult @inlinable public func fetchAnd(_ index: Int, _ bits: UInt64) -> UInt64 {
    // SAFETY: 1. `word` checks.
    unsafe martlet_and64(word(index), bits)
  }
}

/// One atomic 64-bit word inside a record.
///
/// Records live in type-stable memory (`Ref`), so the word stays where it is as long as anyone can name it.
@safe
public struct AtomicWord: ~Copyable, @unchecked Sendable {
  @usableFromInline var value: UInt64

  /// A word with a first value.
  @inlinable public init(_ value: UInt64) { self.value = value }

  // The address is taken as that of an inout argument: `self` is the stored word itself, never a copy, as the type cannot
  // be copied.
  /// Has other CPUs see what was written before, to atomic words or not, before what is written after.
  public static func fence() { martlet_fence() }
  /// Reads it.
  @inlinable public mutating func load() -> UInt64 {
    // SAFETY: 1. One word of ours, for the time of the access.
    unsafe martlet_load64(&value)
  }
  /// Writes it.
  @inlinable public mutating func store(_ new: UInt64) {
    // SAFETY: as in load.
    unsafe martlet_store64(&value, new)
  }
  /// Writes it; gives what was there.
  @inlinable public mutating func exchange(_ new: UInt64) -> UInt64 {
    // SAFETY: as in load.
    unsafe martlet_exchange64(&value, new)
  }
  /// Gives what was there: `expected` exactly when the exchange took place.
  @inlinable public mutating func compareExchange(expected: UInt64, desired: UInt64) -> UInt64 {
    // SAFETY: as in load.
    unsafe martlet_cas64(&value, expected, desired)
  }
  /// Adds, wrapping; gives what was there.
  @discardableResult @inlinable public mutating func fetchAdd(_ n: UInt64) -> UInt64 {
    // SAFETY: as in load.
    unsafe martlet_add64(&value, n)
  }
  /// Sets bits; gives what was there.
  @discardableResult @inlinable public mutating func fetchOr(_ bits: UInt64) -> UInt64 {
    // SAFETY: as in load.
    unsafe martlet_or64(&value, bits)
  }
  /// Keeps only the given bits; gives what was there.
  @discardableResult @inlinable public mutating func fetchAnd(_ bits: UInt64) -> UInt64 {
    // SAFETY: as in load.
    unsafe martlet_and64(&value, bits)
  }
}
