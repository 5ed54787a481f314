// SPDX-License-Identifier: Apache-2.0
//
// Bursts draw on their domain's budget (rule Q5): when they begin here, until they are over or the entity leaves.

extension RunQueue {
  /// Has a burst that begins here draw what it may run. Gives whether the domain has no budget for it: then the entity does not
  /// warp, and borrows nothing else for this wake.
  @inline(__always)
  mutating func isWarpRefused<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, in store: inout Store, now: UInt64
  ) -> Bool {
    guard store[index].warp.needsPiece else { return false }
    let piece = store[index].warp.remaining
    guard store.changeWarpBudget(of: index, cpu: cpu, { $0.draw(piece, now: now) }) else {
      store[index].warp.isActive = false
      return true
    }
    store[index].warp.piece = piece
    return false
  }

  /// Gives back what a burst has not run: it is over, or goes on elsewhere or later.
  @inline(__always)
  mutating func returnWarp<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, in store: inout Store, now: UInt64
  ) {
    let piece = store[index].warp.piece
    guard piece != 0 else { return }
    let ran = store[index].warp.ran
    store[index].warp.piece = 0
    _ = store.changeWarpBudget(of: index, cpu: cpu) {
      $0.settle(piece, ran: ran, now: now)
      return true
    }
  }
}
