// SPDX-License-Identifier: Apache-2.0
//
// Work stealing: which entity another CPU may take from this queue. It only answers; the thief then withdraws the entity
// here and admits it to its own queue.

/// What drives a thief.
public enum StealPurpose: Equatable, BitwiseCopyable, Sendable {
  /// It has nothing to run: any entity that may run there is better there.
  case idle
  /// It has work of this summed weight (its `runnableWeight`) and evens out the load, from time to time.
  case balance(weight: UInt64)
}

extension RunQueue {
  /// How many queued entities one search looks at. A search of more than that may miss one that could move.
  public static var stealSearchLimit: Int { 1024 }

  /// The queued entity that CPU `thief` should take, `nil` when there is none. The current entity never qualifies, nor
  /// does one whose registers are not saved yet, nor the only runnable one; hard affinity is always obeyed.
  ///
  /// An idle thief gets the first entity found, close to the front of the queue, that prefers the thief's CPU by its soft
  /// affinity or does not prefer this one; failing that, any that may run there. A balancing thief gets the entity that
  /// brings the two loads closest together, never further apart than they were and never against its soft affinity; among
  /// equals, the one that has stayed here longest. Loads that cannot be made equal (three equal entities on two CPUs) so
  /// change hands with each balancing, and over time every entity has its turn on the lighter CPU.
  public func stealCandidate<Store: EntityStore & ~Copyable & ~Escapable>(
    for thief: Int, purpose: StealPurpose, in store: inout Store
  ) -> EntityIndex? {
    guard thief != cpu, runnableCount > 1 else { return nil }
    var difference = UInt64.max
    if case .balance(let weight) = purpose {
      guard runnableWeight > weight else { return nil }
      difference = runnableWeight &- weight
    }
    var found = EntityIndex.none
    var foundGap = UInt64.max
    var foundSince = UInt64.max
    var walk = HeapWalk(byActualTime)
    for _ in 0..<Self.stealSearchLimit {
      let index = walk.position
      guard index != .none else { break }
      if index != departing, UInt64(store[index].weight) <= difference, store[index].hardAffinity.contains(thief) {
        let goesWillingly = store[index].softAffinity.contains(thief) || !store[index].softAffinity.contains(cpu)
        switch purpose {
        case .idle:
          if goesWillingly { return index }
          if found == .none { found = index }
        case .balance:
          let moved = 2 &* UInt64(store[index].weight)
          let gap = moved > difference ? moved &- difference : difference &- moved
          let since = store[index].admittedAt
          if goesWillingly, found == .none || gap < foundGap || (gap == foundGap && since < foundSince) {
            found = index
            foundGap = gap
            foundSince = since
          }
        }
      }
      walk.advance(in: store)
    }
    return found.ifPresent
  }
}
