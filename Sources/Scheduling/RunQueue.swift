// SPDX-License-Identifier: Apache-2.0
//
// The run queue of one physical CPU under Borrowed Virtual Time. docs/scheduling.md tells the idea; the operations are in
// the files RunQueue+*.swift, one concern each.
//
// Rules (checked by `firstBrokenRule`):
//  Q1  Every runnable entity of the queue is in exactly one place: current, queued, or parked.
//  Q2  One heap holds all queued entities by actual time; a second one, by effective time, holds those that borrow.
//  Q3  The virtual time (SVT) never goes back, and no queued entity's actual time is before it.
//  Q4  `runnableCount` and `runnableWeight` cover the queued entities and the current one unless it went to sleep.
//  Q5  A waker's burst counts only with a piece of its domain's budget for this CPU (`WarpBudget`); those who hold pieces are
//      queued or current, and what is drawn of a budget is the sum of their pieces.

/// The schedulable entities of one physical CPU. Every operation runs under the caller's lock for that CPU, takes the
/// store that holds the entities, and reads time only from its `now`: nanoseconds of system time.
public struct RunQueue: ~Copyable {
  /// The physical CPU that this queue feeds.
  public let cpu: Int
  /// The times that govern the queue.
  public internal(set) var parameters: SchedulingParameters
  /// SVT: the least actual virtual time among runnable entities, as of the last operation; kept when there is none.
  public internal(set) var virtualTime = VirtualTime(0)
  /// How many entities are running or queued; parked ones are not counted.
  public internal(set) var runnableCount: UInt32 = 0
  /// The sum of their weights.
  public internal(set) var runnableWeight: UInt64 = 0
  /// When the present slice ends, in nanoseconds of system time; `UInt64.max`: no timer is needed.
  public internal(set) var sliceEnd = UInt64.max

  /// How long the CPU has idled.
  public internal(set) var idleTime = IdleTime()

  var currentIndex = EntityIndex.none
  /// The entity that was switched away from, until the caller has saved its registers.
  var departing = EntityIndex.none
  var isYielding = false
  /// The virtual time that the current entity gains in one allowance.
  var currentAllowance: UInt64 = 0
  var nextTicket: UInt64 = 0
  var byActualTime = LeftistHeap<ActualTimeOrder>()
  var byEffectiveTime = LeftistHeap<EffectiveTimeOrder>()
  var parked = ParkingQueue()

  /// An empty queue for physical CPU `cpu`.
  public init(cpu: Int, parameters: SchedulingParameters = SchedulingParameters()) {
    self.cpu = cpu
    self.parameters = parameters
  }

  /// The entity that the last decision chose, `nil` when the CPU idles.
  public var current: EntityIndex? { currentIndex.ifPresent }

  /// Whether nothing runs and nothing waits to run.
  public var isIdle: Bool { currentIndex == .none && runnableCount == 0 }

  /// Charges the current entity up to `now` and brings the queue's virtual time up to date.
  mutating func bringUpToDate<Store: EntityStore & ~Copyable & ~Escapable>(in store: inout Store, now: UInt64) {
    var least = byActualTime.root == .none ? nil : store[byActualTime.root].actual
    if currentIndex != .none, store[currentIndex].account.state == .running {
      store[currentIndex].charge(until: now)
      if !store[currentIndex].warp.isActive { returnWarp(currentIndex, in: &store, now: now) }
      let actual = store[currentIndex].actual
      if let other = least { least = actual.precedes(other) ? actual : other } else { least = actual }
    }
    if let least { virtualTime = virtualTime.orLater(least) }
  }

  /// The queued entity that goes first, `none` when none is queued. Inlined, because a call would copy the queue.
  @inline(__always)
  func best<Store: EntityStore & ~Copyable & ~Escapable>(in store: inout Store) -> EntityIndex {
    let plain = byActualTime.root
    let borrower = byEffectiveTime.root
    guard borrower != .none else { return plain }
    // The first by actual time may borrow itself: then its effective time, and so the first borrower's, is before its
    // actual time, and the comparison chooses the first borrower, as it should.
    let distance = store[borrower].effective.distance(from: store[plain].actual)
    if distance != 0 { return distance < 0 ? borrower : plain }
    return store[borrower].tie < store[plain].tie ? borrower : plain
  }

  /// Puts a runnable entity of this queue that is nowhere else into the heaps. Its weight is already counted.
  ///
  /// A woken entity whose lead over the virtual time is below the allowance borrows that lead while it waits. Had it not
  /// slept, the same lead would not have cost it the CPU; so it pays for short sleeps with no latency, and gains no time. It
  /// borrows nothing at all when its domain has spent what all its vCPUs may borrow here.
  mutating func enqueue<Store: EntityStore & ~Copyable & ~Escapable>(
    _ index: EntityIndex, woken: Bool, in store: inout Store, now: UInt64
  ) {
    store[index].isWoken = woken
    store[index].ticket = nextTicket
    nextTicket &+= 1  // 2^63 tickets last longer than the clock.
    store[index].membership = .queued
    store[index].warp.refresh(now: now, woken: woken, isAlone: runnableCount == 1)
    let isRefused = isWarpRefused(index, in: &store, now: now)
    if woken, !isRefused, !store[index].warp.isActive {
      let lead = store[index].actual.distance(from: virtualTime)
      if lead > 0, UInt64(lead) < VirtualRate.virtual(elapsed: parameters.allowance, weight: store[index].weight) {
        store[index].wakeLoan = UInt64(lead)
      }
    }
    byActualTime.insert(index, in: &store)
    if store[index].isBorrowing { byEffectiveTime.insert(index, in: &store) }
  }

  /// Takes a queued entity out of the heaps. Its weight stays counted.
  mutating func dequeue<Store: EntityStore & ~Copyable & ~Escapable>(_ index: EntityIndex, in store: inout Store) {
    byActualTime.remove(index, in: &store)
    if store[index].isBorrowing { byEffectiveTime.remove(index, in: &store) }
    store[index].wakeLoan = 0
  }

  /// Counts an entity as runnable here.
  mutating func count<Store: EntityStore & ~Copyable & ~Escapable>(_ index: EntityIndex, in store: inout Store) {
    runnableCount &+= 1
    runnableWeight &+= UInt64(store[index].weight)
  }

  /// Ends what `count` began.
  mutating func uncount<Store: EntityStore & ~Copyable & ~Escapable>(_ index: EntityIndex, in store: inout Store) {
    runnableCount &-= 1
    runnableWeight &-= UInt64(store[index].weight)
  }
}
