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
  /// As `balance`, where no single move helps: it gives one of its own entities, of weight `offered`, in return.
  case exchange(weight: UInt64, offered: UInt16)
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
    var returned: UInt64 = 0
    switch purpose {
    case .idle: break
    case .balance(let weight):
      guard runnableWeight > weight else { return nil }
      difference = runnableWeight &- weight
    case .exchange(let weight, let offered):
      guard runnableWeight > weight else { return nil }
      difference = runnableWeight &- weight
      returned = UInt64(offered)
    }
    var found = EntityIndex.none
    var foundGap = UInt64.max
    var foundSince = UInt64.max
    var walk = HeapWalk(byActualTime)
    for _ in 0..<Self.stealSearchLimit {
      let index = walk.position
      guard index != .none else { break }
      let weight = UInt64(store[index].weight)
      let net = weight > returned ? weight &- returned : 0
      if index != departing, net != 0, net <= difference, store[index].hardAffinity.contains(thief) {
        let goesWillingly = store[index].softAffinity.contains(thief) || !store[index].softAffinity.contains(cpu)
        switch purpose {
        case .idle:
          if goesWillingly { return index }
          if found == .none { found = index }
        case .balance, .exchange:
          let moved = 2 &* net
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

  /// The queued entity that this CPU can best do without in an exchange with CPU `other`: of those that may and would run
  /// there, the one that has stayed here longest.
  public func exchangeOffer<Store: EntityStore & ~Copyable & ~Escapable>(
    to other: Int, in store: inout Store
  ) -> EntityIndex? {
    var found = EntityIndex.none
    var walk = HeapWalk(byActualTime)
    for _ in 0..<Self.stealSearchLimit {
      let index = walk.position
      guard index != .none else { break }
      if index != departing, store[index].hardAffinity.contains(other),
        store[index].softAffinity.contains(other) || !store[index].softAffinity.contains(cpu),
        found == .none || store[index].admittedAt < store[found].admittedAt
      {
        found = index
      }
      walk.advance(in: store)
    }
    return found.ifPresent
  }
}
