// SPDX-License-Identifier: Apache-2.0
//
// Everything the scheduler knows about one vCPU. The caller stores it in the vCPU's record; the run queue changes it.

/// The links of one heap through an entity.
struct HeapLinks: BitwiseCopyable {
  var left = EntityIndex.none
  var right = EntityIndex.none
  var parent = EntityIndex.none
  /// One more than the smaller rank of the children; 0 for no entity, so 1 for a leaf.
  var rank: UInt32 = 1
}

/// Which part of a run queue holds an entity.
enum Membership: UInt8, BitwiseCopyable {
  /// Not in any queue; `actual` is its lead over the virtual time of the queue that it left.
  case detached
  /// Belongs to a queue, blocked or offline.
  case asleep
  /// Waiting in the heaps.
  case queued
  /// The queue's current entity (it may have gone to sleep since the last decision).
  case current
  /// Runnable but over its cap, waiting for the next window.
  case parked
}

/// The scheduling state of one entity (vCPU). A plain value: the caller keeps it wherever it keeps the vCPU.
public struct BVTEntity: BitwiseCopyable, Sendable {
  /// A: the virtual time that the entity has used; a lead (wrapping, from 0) while it is in no queue.
  public internal(set) var actual = VirtualTime(0)
  /// Up to when its running time is charged, in nanoseconds of system time; has a meaning only for the current entity.
  var chargedUntil: UInt64 = 0
  /// The fraction of a virtual nanosecond not yet charged, in units of 1 / weight.
  var remainder: UInt16 = 0
  /// Its share relative to the others', 1...65535 (xen_domctl_sched_credit2.weight, public/domctl.h).
  public internal(set) var weight: UInt16
  var membership = Membership.detached
  /// Whether it is queued because it woke, and so goes before preempted entities of the same effective time.
  var isWoken = false
  /// Whether its hard affinity no longer has the CPU of its queue.
  var isMisplaced = false
  /// The order of queueing among entities of the same effective time.
  var ticket: UInt64 = 0

  /// Links of the heap by actual time; while parked, `left` and `parent` are next and previous in the parking queue.
  var actualLinks = HeapLinks()
  /// Links of the heap of borrowing entities by effective time.
  var effectiveLinks = HeapLinks()

  var warp = WarpState()
  /// The loan of an entity queued because it woke: its lead over the queue's virtual time, if that is below the allowance.
  var wakeLoan: UInt64 = 0
  /// Its part of its domain's budget under a cap.
  public internal(set) var cap = CapState()
  /// Its runstate and the time spent in each.
  public internal(set) var account: RunstateAccount

  /// The CPUs that may run it (hard affinity).
  public internal(set) var hardAffinity = CPUMask.all
  /// The CPUs that should run it when one of them is free (soft affinity).
  public internal(set) var softAffinity = CPUMask.all
  /// The CPU of the queue to which it belongs, or last belonged. The caller locks that CPU's queue to act on the entity
  /// and, with the lock held, looks again: it may have moved meanwhile.
  public internal(set) var cpu: UInt16 = 0
  /// When it joined its queue, in nanoseconds of system time.
  var admittedAt: UInt64 = 0

  /// How long an entity sleeps before its lead is forgotten, 2^40 ns (18 minutes). Long enough that no sleeper gains by
  /// it, short enough that the virtual time of its queue cannot have gone half-way round (see `VirtualTime`).
  static var forgettingPeriod: UInt64 { 1 << 40 }

  /// A new entity, offline and in no queue, its account opened at `now`. A weight of 0 counts as 1.
  public init(weight: UInt16 = VirtualRate.defaultWeight, now: UInt64) {
    self.weight = max(1, weight)
    account = RunstateAccount(state: .offline, now: now)
  }

  /// E: the actual time less the loan while it warps or waits after a wake.
  public var effective: VirtualTime { actual.movedBack(by: warp.loan &+ wakeLoan) }

  /// Whether the effective time differs from the actual one.
  var isBorrowing: Bool { warp.isActive || wakeLoan != 0 }

  /// Its warp settings.
  public var warpSettings: WarpSettings { warp.settings }

  /// Whether it warps now.
  public var isWarping: Bool { warp.isActive }

  /// Whether some queue holds it. While `false`, nobody but the caller may change it.
  public var isAdmitted: Bool { membership != .detached }

  /// Whether it waits in its queue for its turn.
  public var isQueued: Bool { membership == .queued }

  /// Whether it wants a CPU: running, waiting, or parked over its cap.
  public var isRunnable: Bool { account.state == .running || account.state == .runnable }

  /// The order among equals: woken entities first, then in the order in which they were queued.
  var tie: UInt64 { isWoken ? ticket : ticket | (1 << 63) }

  /// Charges its running time up to `now`: virtual time, warp burst and cap budget.
  mutating func charge(until now: UInt64) {
    guard now > chargedUntil else { return }
    let elapsed = now &- chargedUntil
    actual = actual.advanced(by: VirtualRate.virtual(elapsed: elapsed, weight: weight, remainder: &remainder))
    if warp.isActive { warp.charge(elapsed, now: now) }
    if cap.isCapped { cap.charge(elapsed) }
    chargedUntil = now
  }

  /// Takes the virtual time that a waking entity starts with: its own, or the queue's if it fell behind while asleep.
  mutating func catchUp(with virtualTime: VirtualTime, now: UInt64) {
    if now > account.since, now &- account.since > Self.forgettingPeriod {
      actual = virtualTime
    } else {
      actual = actual.orLater(virtualTime)
    }
  }
}
