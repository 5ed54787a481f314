// SPDX-License-Identifier: Apache-2.0
// The one way to write a handshake in which each of two CPUs says something and then looks whether the other has.
//
// A plain store may get to memory after loads that follow it in the program: then both CPUs look before either has said
// anything, and each believes that the other will see it ("Handshakes between CPUs" in docs/invariants.md). Here the word is
// written by a locked operation, which is in memory before anything that follows is read. Both sides must do so.

extension AtomicWord {
  /// Writes `new`, then runs `look`, whose loads come after. Gives what `look` gives.
  @inlinable @inline(__always)
  public mutating func publish<R, E: Error>(_ new: UInt64, thenLook look: () throws(E) -> R) throws(E) -> R {
    _ = exchange(new)
    return try look()
  }

  /// Sets bits, then runs `look`, whose loads come after. Gives what `look` gives.
  @inlinable @inline(__always)
  public mutating func publish<R, E: Error>(setting bits: UInt64, thenLook look: () throws(E) -> R) throws(E) -> R {
    fetchOr(bits)
    return try look()
  }

  /// Takes bits away, then runs `look`, whose loads come after. Gives what `look` gives.
  @inlinable @inline(__always)
  public mutating func publish<R, E: Error>(clearing bits: UInt64, thenLook look: () throws(E) -> R) throws(E) -> R {
    fetchAnd(~bits)
    return try look()
  }
}
