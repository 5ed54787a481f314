// SPDX-License-Identifier: Apache-2.0
//
// Budgets under caps, as the queue deals them out: drawn by who is to run, given back by who leaves, awaited by who is parked.

extension RunQueue {
  /// How many capped entities with no budget one decision parks. One more than that runs for a shortest slice and owes it.
  static var parkingBatch: Int { 32 }

  /// Gives back what a capped entity has left of its piece, or owes what it has overdrawn, and draws the next piece.
  /// Returns whether there was any.
  mutating func drawBudget<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, in store: inout Store, now: UInt64
  ) -> Bool {
    let cap = store[index].cap
    let window = parameters.capWindow
    let drawn = store.changeBudget(of: index) { shared in
      shared.open(at: now, budget: cap.budget, window: window)
      shared.settle(drawn: cap.drawn, used: cap.used, end: cap.windowEnd, window: window)
      return shared.draw(cap.piece)
    }
    store[index].cap.drawn = drawn
    store[index].cap.used = 0
    store[index].cap.windowEnd = windowEnd(after: now)
    return drawn != 0
  }

  /// As `drawBudget`, but draws nothing: the entity leaves the CPU.
  mutating func settleBudget<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, in store: inout Store, now: UInt64
  ) {
    let cap = store[index].cap
    guard cap.drawn != 0 || cap.used != 0 else { return }
    let window = parameters.capWindow
    _ = store.changeBudget(of: index) { shared in
      shared.open(at: now, budget: cap.budget, window: window)
      shared.settle(drawn: cap.drawn, used: cap.used, end: cap.windowEnd, window: window)
      return 0
    }
    store[index].cap.drawn = 0
    store[index].cap.used = 0
  }

  /// Whether nothing is left of the budget under which a capped entity runs.
  mutating func isBudgetSpent<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, in store: inout Store, now: UInt64
  ) -> Bool {
    let budget = store[index].cap.budget
    let window = parameters.capWindow
    let isLeft = store.changeBudget(of: index) { shared in
      shared.open(at: now, budget: budget, window: window)
      return shared.left > 0 ? 1 : 0
    }
    return isLeft == 0
  }

  /// Finds who runs next when the queued entity `first` is capped: it draws, or is parked and the next one tries.
  mutating func firstWithBudget<Store: EntityStore & ~Copyable & ~Escapable>(
    from first: EntityIndex, in store: inout Store, now: UInt64
  ) -> EntityIndex {
    var index = first
    var parkedNow = 0
    while index != .none, store[index].cap.isCapped, !drawBudget(index, in: &store, now: now) {
      if parkedNow == Self.parkingBatch {
        store[index].cap.drawn = parameters.shortest
        // Not taken from anything, so all of it will be owed.
        let used = parameters.shortest
        _ = store.changeBudget(of: index) { shared in
          shared.left = shared.left &- Int64(truncatingIfNeeded: used)
          return 0
        }
        return index
      }
      dequeue(index, in: &store)
      uncount(index, in: &store)
      park(index, in: &store, now: now)
      parkedNow &+= 1
      index = best(in: &store)
    }
    return index
  }

  /// Parks an entity of this queue that is nowhere else until the next window. Its weight is no longer counted.
  mutating func park<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, in store: inout Store, now: UInt64
  ) {
    store[index].membership = .parked
    returnWarp(index, in: &store, now: now)
    store[index].cap.windowEnd = windowEnd(after: now)
    parked.append(index, in: &store)
  }

  /// Queues parked entities whose next window has begun, a batch at most.
  mutating func replenish<Store: EntityStore & ~Copyable & ~Escapable>(in store: inout Store, now: UInt64) {
    for _ in 0..<Self.replenishmentBatch {
      let index = parked.head
      guard index != .none, store[index].cap.windowEnd <= now else { return }
      parked.remove(index, in: &store)
      if isBudgetSpent(index, in: &store, now: now) {
        park(index, in: &store, now: now)  // Still paying back what was overdrawn.
      } else {
        store[index].actual = store[index].actual.orLater(virtualTime)
        count(index, in: &store)
        enqueue(index, woken: false, in: &store, now: now)
      }
    }
  }

  /// When the window that holds `now` ends.
  private func windowEnd(after now: UInt64) -> UInt64 {
    let (end, overflow) = (now / parameters.capWindow &+ 1).multipliedReportingOverflow(by: parameters.capWindow)
    return overflow ? UInt64.max : end
  }
}
