// SPDX-License-Identifier: Apache-2.0
//
// Entities joining and leaving a queue. A move between CPUs is a withdrawal under one queue's lock followed by an
// admission under the other's: both locks are never needed at once.

extension RunQueue {
  /// Takes in an entity that is in no queue: a new one, or one withdrawn from another CPU.
  ///
  /// Virtual times of different queues cannot be compared, so an entity travels with its lead over its queue's virtual
  /// time and gets the same lead over this one's. A runnable entity is queued (or parked when over its cap); the result
  /// is as for `wake`. An entity that is in a queue already is left alone.
  public mutating func admit<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, in store: inout Store, now: UInt64
  ) -> WakeOutcome {
    guard store[index].membership == .detached else { return .none }
    bringUpToDate(in: &store, now: now)
    store[index].actual = virtualTime.advanced(by: store[index].actual.rawValue)
    store[index].cpu = UInt16(truncatingIfNeeded: cpu)
    store[index].admittedAt = now
    store[index].isMisplaced = !store[index].hardAffinity.contains(cpu)
    guard store[index].isRunnable else {
      store[index].membership = .asleep
      return .none
    }
    return makeReady(index, woken: false, in: &store, now: now)
  }

  /// Takes out an entity, to be admitted elsewhere or destroyed. Its runstate goes on as it is.
  ///
  /// Returns `false`, with nothing changed, when it is not this queue's, is current, or was switched away from and its
  /// registers are not saved yet. The current entity leaves by a decision: see `setAffinity` and `sleep`.
  ///
  /// A wake does nothing while the entity is in no queue. Whoever moves a sleeping entity therefore looks, after admitting
  /// it, whether something has come for it meanwhile, and wakes it.
  public mutating func withdraw<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, in store: inout Store, now: UInt64
  ) -> Bool {
    guard index != departing, Int(store[index].cpu) == cpu else { return false }
    guard store[index].membership != .detached, index != currentIndex else { return false }
    bringUpToDate(in: &store, now: now)
    switch store[index].membership {
    case .detached, .current, .asleep: break
    case .queued:
      dequeue(index, in: &store)
      uncount(index, in: &store)
    case .parked: parked.remove(index, in: &store)
    }
    detach(index, in: &store, now: now)
    return true
  }

  /// Turns the actual time of an entity that has left all structures into a lead, never negative.
  mutating func detach<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, in store: inout Store, now: UInt64
  ) {
    returnWarp(index, in: &store, now: now)
    let isAsleep = !store[index].isRunnable
    if isAsleep { store[index].catchUp(with: virtualTime, now: now) }
    let lead = store[index].actual.distance(from: virtualTime)
    store[index].actual = VirtualTime(lead > 0 ? UInt64(lead) : 0)
    store[index].membership = .detached
  }

  /// Tells the queue that the registers of the entity last switched away from are saved, so that it may move on.
  public mutating func completeSwitch() { departing = .none }
}
