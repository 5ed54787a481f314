// SPDX-License-Identifier: Apache-2.0
//
// The decision: who runs next on this CPU and for how long.

/// Who runs next, and until when.
public struct Decision: Equatable, BitwiseCopyable, Sendable {
  /// The entity to run, `nil` for idle.
  public let next: EntityIndex?
  /// How many nanoseconds it runs before the next decision, for the one-shot timer; `UInt64.max`: no timer is needed.
  public let runFor: UInt64
  /// Whether `next` is not what ran before, idle included: save the old entity's registers, then call `completeSwitch`.
  public let isSwitch: Bool
  /// An entity that may not run on this CPU any more; it has been withdrawn while runnable. Once the registers of the entity
  /// that ran before are saved (it may be that one), place it elsewhere with `choosePlacement` and `admit`.
  public let displaced: EntityIndex?
}

extension RunQueue {
  /// Entities whose window has come and that one decision takes out of parking; more than that follow in later decisions.
  static var replenishmentBatch: Int { 32 }

  /// Chooses who runs next. Call it when the timer fires, after a `.reschedule`, after the current entity went to sleep or
  /// yielded, and when the CPU has nothing to do; calling it more often is harmless.
  public mutating func decide<Store: EntityStore & ~Copyable & ~Escapable>(
    in store: inout Store, now: UInt64
  ) -> Decision {
    bringUpToDate(in: &store, now: now)
    replenish(in: &store, now: now)
    let previous = currentIndex
    var displaced = EntityIndex.none
    if previous != .none {
      let verdict = verdict(on: previous, in: &store, now: now)
      if verdict != .keep, store[previous].cap.isCapped { settleBudget(previous, in: &store, now: now) }
      switch verdict {
      case .keep:
        isYielding = false
        return keep(in: &store, now: now)
      case .requeue:
        // A yielder gives way to the best of the others, whatever their claims.
        let other = isYielding ? best(in: &store) : .none
        store[previous].account.enter(.runnable, now: now)
        enqueue(previous, woken: false, in: &store, now: now)
        if other != .none { return dispatch(other, after: previous, displaced: .none, in: &store, now: now) }
      case .park:
        store[previous].account.enter(.runnable, now: now)
        uncount(previous, in: &store)
        park(previous, in: &store, now: now)
      case .leave:
        store[previous].membership = .asleep
        returnWarp(previous, in: &store, now: now)
      case .displace:
        store[previous].account.enter(.runnable, now: now)
        uncount(previous, in: &store)
        detach(previous, in: &store, now: now)
        displaced = previous
      }
    }
    var next = best(in: &store)
    if next != .none, store[next].isMisplaced {
      guard displaced == .none else {
        // One at a time: the other one's turn comes at once.
        return dispatch(.none, after: previous, displaced: displaced, in: &store, now: now)
      }
      displaced = next
      dequeue(next, in: &store)
      uncount(next, in: &store)
      detach(next, in: &store, now: now)
      next = best(in: &store)
      if next != .none, store[next].isMisplaced { next = .none }
    }
    return dispatch(next, after: previous, displaced: displaced, in: &store, now: now)
  }

  /// What becomes of the current entity.
  private enum Verdict {
    case keep, requeue, park, leave, displace
  }

  @inline(__always)
  private mutating func verdict<Store: EntityStore & ~Copyable & ~Escapable>(
    on index: EntityIndex, in store: inout Store, now: UInt64
  ) -> Verdict {
    guard store[index].account.state == .running else { return .leave }
    if store[index].isMisplaced { return .displace }
    if store[index].cap.isExhausted(at: now), !drawBudget(index, in: &store, now: now) { return .park }
    let other = best(in: &store)
    guard other != .none else { return .keep }
    if isYielding { return .requeue }
    let lead = store[index].effective.distance(from: store[other].effective)
    return lead >= Int64(clamping: currentAllowance) ? .requeue : .keep
  }

  /// Makes `next` (queued, or `none` for idle) the current entity.
  private mutating func dispatch<Store: EntityStore & ~Copyable & ~Escapable>(
    _ first: EntityIndex, after previous: EntityIndex, displaced: EntityIndex, in store: inout Store, now: UInt64
  ) -> Decision {
    isYielding = false
    var next = first
    if next != .none, store[next].cap.isCapped { next = firstWithBudget(from: next, in: &store, now: now) }
    currentIndex = next
    if previous != .none, previous != next { departing = previous }
    guard next != .none else {
      // Somebody waits all the same: one who may not run here, whom the next decision sends on.
      sliceEnd = byActualTime.root == .none ? parked.due(in: &store) : now
      if previous != .none { idleTime.begin(at: now) }
      return decision(isSwitch: previous != .none, displaced: displaced, now: now)
    }
    if previous == .none { idleTime.end(at: now) }
    dequeue(next, in: &store)
    store[next].membership = .current
    store[next].account.enter(.running, now: now)
    store[next].chargedUntil = now
    currentAllowance = VirtualRate.virtual(elapsed: parameters.allowance, weight: store[next].weight)
    setSlice(atLeast: parameters.shortest, in: &store, now: now)
    return decision(isSwitch: previous != next, displaced: displaced, now: now)
  }

  /// Lets the current entity go on.
  private mutating func keep<Store: EntityStore & ~Copyable & ~Escapable>(
    in store: inout Store, now: UInt64
  ) -> Decision {
    setSlice(atLeast: 0, in: &store, now: now)
    return decision(isSwitch: false, displaced: .none, now: now)
  }

  private func decision(isSwitch: Bool, displaced: EntityIndex, now: UInt64) -> Decision {
    let runFor = sliceEnd == UInt64.max ? sliceEnd : (sliceEnd > now ? sliceEnd &- now : 0)
    return Decision(
      next: currentIndex.ifPresent, runFor: runFor, isSwitch: isSwitch, displaced: displaced.ifPresent)
  }

  /// Sets the end of the current entity's slice: until it is a quantum past the claim of the next one, and no further
  /// than the longest slice, its budget, its warp burst, and the time when somebody parked comes back.
  mutating func setSlice<Store: EntityStore & ~Copyable & ~Escapable>(
    atLeast least: UInt64, in store: inout Store, now: UInt64
  ) {
    let index = currentIndex
    var slice = UInt64.max
    let next = best(in: &store)
    if next != .none {
      // Somebody who just woke waits for the allowance only, others for a quantum.
      let quantum = store[next].isWoken ? parameters.shortest : parameters.quantum(runnable: runnableCount)
      let gap = store[next].effective.distance(from: store[index].effective)
      if gap >= 0 {
        let real = VirtualRate.real(virtual: UInt64(gap), weight: store[index].weight)
        slice = min(parameters.maximumSlice, real) &+ quantum  // Two seconds at most.
      } else {
        // Rounded down: at the end the lead is a whole quantum. A kept entity's lead is less than that now.
        let real = VirtualRate.realRoundedDown(virtual: gap.magnitude, weight: store[index].weight)
        slice = quantum > real ? quantum &- real : 1
      }
      slice = min(max(slice, least), parameters.maximumSlice)
    }
    slice = min(slice, store[index].cap.remaining(at: now), store[index].warp.remaining)
    let (end, overflow) = now.addingReportingOverflow(slice)
    var due = parked.due(in: &store)
    if due <= now { due = now &+ parameters.shortest }  // Left over by the batch: they come with the next decision.
    sliceEnd = min(overflow ? UInt64.max : end, due)
  }
}
