// SPDX-License-Identifier: Apache-2.0
//
// Warp: the loan of virtual time that gives BVT its name. It lets an entity go first for a while, never get more in all.

/// How far, how long and how often an entity may borrow from its own future (the paper's W, L and U).
public struct WarpSettings: BitwiseCopyable, Equatable, Sendable {
  /// How far the entity's effective virtual time is moved back while it warps, in virtual nanoseconds; 0: never warps.
  public var value: UInt64
  /// How long it may run warped in one burst, in nanoseconds of real time; 0: without limit. A waker's is never longer than its
  /// domain's budget (`WarpBudget`).
  public let limit: UInt64
  /// How long it must then go without running warped before the next burst, in nanoseconds of real time.
  public var recovery: UInt64
  /// Whether a burst begins only with a wake: who never sleeps never warps. Such bursts draw on their domain's budget.
  public let isForWakers: Bool

  /// The largest loan, 2^40 virtual ns (18 minutes): keeps effective times comparable whatever is asked for.
  public static var largestValue: UInt64 { 1 << 40 }

  /// Settings with these values; a `value` above `largestValue` is lowered to it.
  public init(value: UInt64, limit: UInt64 = 0, recovery: UInt64 = 0, isForWakers: Bool = false) {
    self.value = min(value, Self.largestValue)
    self.limit = isForWakers && (limit == 0 || limit > WarpBudget.whole) ? WarpBudget.whole : limit
    self.recovery = recovery
    self.isForWakers = isForWakers
  }

  /// What every vCPU has unless it is given something else: a domain that an event has woken goes before those that
  /// compute, for as long as handling an event takes. 20 virtual ms, for 2 ms of every 12 at most.
  public static var usual: WarpSettings {
    WarpSettings(value: 20_000_000, limit: 2_000_000, recovery: 10_000_000, isForWakers: true)
  }

  /// No warp.
  public static var none: WarpSettings { WarpSettings(value: 0) }
}

/// An entity's warp settings and how much of the current burst is used.
struct WarpState: BitwiseCopyable {
  var settings = WarpSettings.none
  /// Whether the loan counts now. It decides which heaps hold a queued entity, so it changes only outside them.
  var isActive = false
  /// Real nanoseconds run warped in the current burst.
  var used: UInt64 = 0
  /// When the entity last ran warped, in nanoseconds of system time.
  var lastRun: UInt64 = 0
  /// What the burst has drawn of its domain's budget on this CPU, in nanoseconds; 0: nothing. Only queued and current entities hold
  /// a piece (rule Q5).
  var piece: UInt64 = 0

  /// The loan that counts now, in virtual nanoseconds.
  var loan: UInt64 { isActive ? settings.value : 0 }

  /// Decides, as the entity becomes runnable (`woken`: because of an event) or is queued again, whether it warps; a
  /// recovered entity starts a new burst. With nobody to go before (`isAlone`) a waker's warp is not begun.
  mutating func refresh(now: UInt64, woken: Bool, isAlone: Bool) {
    guard settings.value != 0 else {
      isActive = false
      return
    }
    if settings.isForWakers {
      if !woken { return }  // A burst that has begun goes on; `charge` ends it.
      if isAlone {
        isActive = false
        return
      }
    }
    if used != 0, now >= lastRun, now &- lastRun >= settings.recovery { used = 0 }
    isActive = settings.limit == 0 || used < settings.limit
  }

  /// Counts `elapsed` run warped up to `now`, and ends the burst when its limit is reached.
  mutating func charge(_ elapsed: UInt64, now: UInt64) {
    guard isActive else { return }
    lastRun = now
    let (sum, overflow) = used.addingReportingOverflow(elapsed)
    used = overflow ? UInt64.max : sum
    if settings.limit != 0, used >= settings.limit { isActive = false }
  }

  /// Whether the entity's burst has to draw on its domain's budget before it counts.
  var needsPiece: Bool { isActive && piece == 0 && settings.isForWakers }

  /// What has been run of the piece: when that was drawn, `used` was as far from the limit.
  var ran: UInt64 { used &- (settings.limit &- piece) }

  /// How long the entity may run before its burst ends, `UInt64.max` when nothing ends it.
  var remaining: UInt64 {
    guard isActive, settings.limit != 0 else { return UInt64.max }
    return settings.limit > used ? settings.limit &- used : 0
  }
}
