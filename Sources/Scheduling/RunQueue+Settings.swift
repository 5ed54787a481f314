// SPDX-License-Identifier: Apache-2.0
//
// Changing what an entity is entitled to: weight, cap, warp, affinity. On the entity itself while no queue holds it, and
// through its queue, which keeps its sums and heaps right, from then on.

extension BVTEntity {
  /// Sets the weight (0 counts as 1). Ignored while a queue holds the entity.
  public mutating func setWeight(_ weight: UInt16) {
    if !isAdmitted { replaceWeight(weight) }
  }

  /// Sets the warp. Ignored while a queue holds the entity.
  public mutating func setWarp(_ settings: WarpSettings) {
    if !isAdmitted { warp = WarpState(settings: settings) }
  }

  /// Sets the cap to `budget` nanoseconds per window (0: none; see `CapState.budget`) for `sharers` entities together.
  /// Ignored while a queue holds the entity.
  public mutating func setCap(budget: UInt64, sharers: UInt32 = 1) {
    if !isAdmitted { cap = CapState(budget: budget, sharers: sharers) }
  }

  /// Sets the affinities. Ignored while a queue holds the entity.
  public mutating func setAffinity(hard: CPUMask, soft: CPUMask) {
    guard !isAdmitted else { return }
    hardAffinity = hard
    softAffinity = soft
  }

  mutating func replaceWeight(_ weight: UInt16) {
    self.weight = max(1, weight)
    remainder = min(remainder, self.weight &- 1)
  }
}

extension RunQueue {
  /// Sets the weight of an entity of this queue (0 counts as 1). Returns whether the caller must decide.
  public mutating func setWeight<Store: EntityStore & ~Copyable & ~Escapable>(
    _ weight: UInt16, of index: EntityIndex, in store: inout Store, now: UInt64
  ) -> Bool {
    guard holds(index, in: &store) else { return false }
    bringUpToDate(in: &store, now: now)
    let isCounted = isCounted(index, in: &store)
    if isCounted { uncount(index, in: &store) }
    store[index].replaceWeight(weight)
    if isCounted { count(index, in: &store) }
    guard index == currentIndex else { return false }
    currentAllowance = VirtualRate.virtual(elapsed: parameters.allowance, weight: store[index].weight)
    return true
  }

  /// Sets the cap of an entity of this queue to `budget` nanoseconds per window (0: none; see `CapState.budget`) for
  /// `sharers` entities together. What it has drawn so far is forgotten: the caller has set the shared budget anew.
  /// Returns whether the caller must decide.
  public mutating func setCap<Store: EntityStore & ~Copyable & ~Escapable>(
    budget: UInt64, sharers: UInt32 = 1, of index: EntityIndex, in store: inout Store, now: UInt64
  ) -> Bool {
    guard holds(index, in: &store) else { return false }
    bringUpToDate(in: &store, now: now)
    let isParked = store[index].membership == .parked
    if isParked { parked.remove(index, in: &store) }
    store[index].cap = CapState(budget: budget, sharers: sharers)
    if isParked {
      store[index].actual = store[index].actual.orLater(virtualTime)
      return makeReady(index, woken: false, in: &store, now: now) != .none
    }
    return index == currentIndex
  }

  /// Sets the warp of an entity of this queue and lets it start a new burst. Returns whether the caller must decide.
  public mutating func setWarp<Store: EntityStore & ~Copyable & ~Escapable>(
    _ settings: WarpSettings, of index: EntityIndex, in store: inout Store, now: UInt64
  ) -> Bool {
    guard holds(index, in: &store) else { return false }
    bringUpToDate(in: &store, now: now)
    let isQueued = store[index].membership == .queued
    if isQueued { dequeue(index, in: &store) }
    returnWarp(index, in: &store, now: now)
    store[index].warp = WarpState(settings: settings)
    if isQueued {
      enqueue(index, woken: store[index].isWoken, in: &store, now: now)
      return true
    }
    store[index].warp.refresh(now: now, woken: false, isAlone: false)
    return index == currentIndex
  }

  /// Sets the affinities of an entity of this queue. Returns whether it may not stay on this CPU: then decide when it is
  /// current (the decision withdraws it), and otherwise withdraw it; place it elsewhere.
  public mutating func setAffinity<Store: EntityStore & ~Copyable & ~Escapable>(
    hard: CPUMask, soft: CPUMask, of index: EntityIndex, in store: inout Store
  ) -> Bool {
    guard holds(index, in: &store) else { return false }
    store[index].hardAffinity = hard
    store[index].softAffinity = soft
    store[index].isMisplaced = !hard.contains(cpu)
    return store[index].isMisplaced
  }

  /// Sets the allowance and the longest slice, as `xl sched-credit2 -r` does for a whole pool; the window for caps stays.
  /// They govern from the next decision on.
  public mutating func setSlices(allowance: UInt64, maximumSlice: UInt64) {
    parameters = SchedulingParameters(
      allowance: allowance, maximumSlice: maximumSlice, capWindow: parameters.capWindow)
  }

  private func holds<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, in store: inout Store
  ) -> Bool {
    store[index].isAdmitted && Int(store[index].cpu) == cpu
  }

  private func isCounted<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, in store: inout Store
  ) -> Bool {
    store[index].membership == .queued || (store[index].membership == .current && store[index].isRunnable)
  }
}
