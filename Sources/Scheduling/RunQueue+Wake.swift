// SPDX-License-Identifier: Apache-2.0
//
// Entities becoming runnable and ceasing to be.

/// What the caller has to do on the queue's CPU after an entity became runnable there.
public enum WakeOutcome: Equatable, BitwiseCopyable, Sendable {
  /// Nothing: the present slice and its timer stand.
  case none
  /// Bring the timer forward to this system time in nanoseconds (now the queue's `sliceEnd`) and decide when it fires; on
  /// another CPU, interrupt it: a decision then sets the timer.
  case rearm(at: UInt64)
  /// Decide now (on another CPU: interrupt it).
  case reschedule
}

extension RunQueue {
  /// Makes a sleeping entity runnable.
  ///
  /// It starts with the later of its own virtual time and the queue's: sleep earns no claim to the past. It preempts the
  /// current entity once that has run past its claim by the allowance: at once if it has already, otherwise when the
  /// timer fires. Entities that are runnable or belong to another queue are left alone.
  public mutating func wake<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, in store: inout Store, now: UInt64
  ) -> WakeOutcome {
    guard Int(store[index].cpu) == cpu else { return .none }
    switch store[index].membership {
    case .detached, .queued, .parked: return .none
    case .current:
      // It went to sleep and no decision has been taken yet: it just goes on.
      guard !store[index].isRunnable else { return .none }
      bringUpToDate(in: &store, now: now)
      store[index].catchUp(with: virtualTime, now: now)
      store[index].account.enter(.running, now: now)
      store[index].chargedUntil = max(now, store[index].chargedUntil)
      count(index, in: &store)
      return .reschedule
    case .asleep: break
    }
    bringUpToDate(in: &store, now: now)
    store[index].catchUp(with: virtualTime, now: now)
    // Who waited for an event has a claim to be quick. Who was paused or down has none: being paused earns nothing.
    let woken = store[index].account.state == .blocked
    store[index].account.enter(.runnable, now: now)
    return makeReady(index, woken: woken, in: &store, now: now)
  }

  /// Queues or parks a runnable entity that is new to the runnable ones, and says what follows for the current one.
  mutating func makeReady<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, woken: Bool, in store: inout Store, now: UInt64
  ) -> WakeOutcome {
    if store[index].cap.isCapped {
      if isBudgetSpent(index, in: &store, now: now) {
        park(index, in: &store, now: now)
        return rearm(at: parked.due(in: &store))
      }
    }
    count(index, in: &store)
    enqueue(index, woken: woken, in: &store, now: now)
    guard currentIndex != .none, store[currentIndex].isRunnable else { return .reschedule }
    // Behind others it waits for the slice that was set when they became the next.
    guard best(in: &store) == index else { return .none }
    // Positive: how far the current entity has gone past the newcomer's claim.
    let lead = store[currentIndex].effective.distance(from: store[index].effective)
    let allowance = Int64(clamping: currentAllowance)
    if lead >= allowance { return .reschedule }
    // The lead is the smaller one, so their distance fits 64 bits without a sign.
    let missing = UInt64(bitPattern: allowance &- lead)
    let wait = min(VirtualRate.real(virtual: missing, weight: store[currentIndex].weight), parameters.maximumSlice)
    let (end, overflow) = now.addingReportingOverflow(wait)
    return rearm(at: overflow ? UInt64.max : end)
  }

  /// Brings the end of the slice forward to `time` if it is later.
  private mutating func rearm(at time: UInt64) -> WakeOutcome {
    guard time < sliceEnd else { return .none }
    sliceEnd = time
    return .rearm(at: time)
  }

  /// Stops an entity from being runnable: it blocks, or is paused, shut down or taken offline.
  ///
  /// The current entity stays current until the next decision, which the caller takes next. Already sleeping entities
  /// change just their runstate. Entities of another queue or none are left alone. Returns whether the caller must
  /// decide (on another CPU: interrupt it).
  public mutating func sleep<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, as reason: SleepReason, in store: inout Store, now: UInt64
  ) -> Bool {
    guard store[index].membership != .detached, Int(store[index].cpu) == cpu else { return false }
    bringUpToDate(in: &store, now: now)
    let wasRunnable = store[index].isRunnable
    // Forgetting goes by the time in one state, so a change between sleeping states looks after it too.
    if !wasRunnable { store[index].catchUp(with: virtualTime, now: now) }
    store[index].account.enter(reason.runstate, now: now)
    switch store[index].membership {
    case .detached, .asleep: return false
    case .current:
      if wasRunnable { uncount(index, in: &store) }
      return true
    case .queued:
      dequeue(index, in: &store)
      uncount(index, in: &store)
      returnWarp(index, in: &store, now: now)
    case .parked: parked.remove(index, in: &store)
    }
    store[index].membership = .asleep
    return false
  }

  /// Lets another entity go first: the next decision passes over the current one if anybody else waits. The yielder keeps
  /// its claim, so it runs again as soon as the other has had one slice.
  public mutating func yield() { isYielding = currentIndex != .none }
}

/// Why an entity stops being runnable.
public enum SleepReason: BitwiseCopyable, Sendable {
  /// It waits for an event (RUNSTATE_blocked).
  case blocked
  /// It is paused, shut down or down (RUNSTATE_offline).
  case offline

  var runstate: Runstate { self == .blocked ? .blocked : .offline }
}
