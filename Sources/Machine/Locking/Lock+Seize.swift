// SPDX-License-Identifier: Apache-2.0
// Breaking a lock, for a panic: whoever holds it has been stopped and will never give it back.

extension Lock where State: ~Copyable {
  /// Runs `body` with the state, whoever has the lock. For a CPU that has panicked and has stopped all others: alone in the
  /// machine it needs no lock, and it may have held this one itself.
  public mutating func seize<R: ~Copyable>(_ body: (inout State) -> R) -> R { body(&state) }
}
