// SPDX-License-Identifier: Apache-2.0
//
// What the vCPUs of one domain may run warped on one CPU, all of them together. Without it a loan would be bounded for each vCPU
// and not for their sum: 128 of them that sleep and wake together would hold their neighbours off for seconds.
//
// It is a bucket. A burst that begins draws all that it may run, and is refused where that is not there. What it has run comes back
// with time, at a quarter of the rate at which time passes; what it did not run comes back at once. So in any time t the domain runs
// warped for `whole + t / 4` at most, and its bursts alone hold a CPU for 4/3 of `whole` at most: 14 ms.

/// A domain's budget for bursts on one CPU: a plain word that is changed under the lock of that CPU's queue alone.
public struct WarpBudget: BitwiseCopyable, Equatable, Sendable {
  /// When all that has been run will have come back, in bits 63-12, as nanoseconds of system time rounded up to 4,096; in bits 11-0
  /// what is drawn by bursts that are not over, in units of 4,096 ns.
  var rawValue: UInt64 = 0

  /// A whole budget.
  public init() {}

  /// How much a domain may run warped in one go, in nanoseconds: 2,500 units, five bursts of `WarpSettings.usual`. More than a guest
  /// with a few vCPUs on a CPU ever asks for at once, and no more than the longest slice.
  static var whole: UInt64 { 10_240_000 }

  /// The bits that hold a part of a unit in a time, and the units that are drawn.
  private static var unitMask: UInt64 { 0xfff }

  /// Nanoseconds drawn by bursts that are not over.
  var drawn: UInt64 { (rawValue & Self.unitMask) &<< 12 }

  /// Draws `piece` nanoseconds (`whole` at most), for a burst that may run as long. Gives whether they were there.
  mutating func draw(_ piece: UInt64, now: UInt64) -> Bool {
    let wholeAgain = rawValue & ~Self.unitMask
    let spent = wholeAgain > now ? (wholeAgain &- now) &>> 2 : 0
    let units = Self.units(piece)
    // 2^62 at most, and two numbers of 24 bits.
    guard spent &+ drawn &+ (units &<< 12) <= Self.whole else { return false }
    rawValue &+= units  // 2,500 at most with what is drawn already.
    return true
  }

  /// Ends what `draw` began, for a burst that has run `ran` nanoseconds. More than it drew, if a timer was late, is spent as well.
  mutating func settle(_ piece: UInt64, ran: UInt64, now: UInt64) {
    let drawnBefore = rawValue & Self.unitMask
    let units = Self.units(piece)
    let drawnNow = drawnBefore > units ? drawnBefore &- units : 0
    var wholeAgain = rawValue & ~Self.unitMask
    if ran != 0 {
      // A late timer is late by less than a second; the arithmetic must hold for any number.
      let debt = min(ran, 1 &<< 30) &<< 2 &+ Self.unitMask
      let (sum, overflow) = max(wholeAgain, now).addingReportingOverflow(debt)
      wholeAgain = (overflow ? UInt64.max : sum) & ~Self.unitMask
    }
    rawValue = wholeAgain | drawnNow
  }

  /// The units that cover `nanoseconds`, of which there are `whole` at most.
  static func units(_ nanoseconds: UInt64) -> UInt64 { (min(nanoseconds, whole) &+ unitMask) &>> 12 }
}
