// SPDX-License-Identifier: Apache-2.0
// The clock of the machine: the time-stamp counter, scaled to nanoseconds since boot. docs/time.md tells how its rate is found, and
// what happens where the CPUs' counters differ.
import CMachine

/// Factors that turn counter ticks into nanoseconds the way that guests do it too (`tsc_to_system_mul` and `tsc_shift` of
/// vcpu_time_info, xen/xen.h): shift first, then multiply by a 32-bit fraction.
public struct TickScale: BitwiseCopyable {
  /// A fraction of 2^32.
  public var multiplier: UInt32
  /// How far ticks are shifted first: left if positive.
  public var shift: Int8

  /// A scale by its parts.
  public init(multiplier: UInt32, shift: Int8) {
    self.multiplier = multiplier
    self.shift = shift
  }

  /// The scale of a counter that ticks `hertz` times a second (at least 1 MHz).
  public init(hertz: UInt64) {
    var shift: Int8 = 0
    // The multiplier is 10^9 * 2^32 / (hertz * 2^shift); it must fill 32 bits.
    var rate = max(hertz, 1_000_000)
    while rate > 2_000_000_000 {
      rate = rate &>> 1
      shift &-= 1
    }
    while rate <= 1_000_000_000 {
      rate = rate &<< 1
      shift &+= 1
    }
    // rate is now in (10^9, 2*10^9]: the quotient is below 2^32.
    let quotient = martlet_divide(1_000_000_000 &>> 32, 1_000_000_000 &<< 32, rate)
    multiplier = UInt32(truncatingIfNeeded: quotient)
    self.shift = shift
  }

  /// Nanoseconds for a number of ticks.
  @inlinable public func nanoseconds(_ ticks: UInt64) -> UInt64 {
    let shifted = shift < 0 ? ticks &>> UInt64(-shift) : ticks &<< UInt64(shift)
    let product = shifted.multipliedFullWidth(by: UInt64(multiplier))
    return product.high &<< 32 | product.low &>> 32
  }
}

/// System time, as one CPU reads it: a line through a point at which time and counter are known.
public struct SystemClock: BitwiseCopyable {
  /// The counter at a moment.
  public let stamp: UInt64
  /// The time at that moment, in nanoseconds since boot.
  public let base: UInt64
  /// How ticks since then become nanoseconds.
  public let scale: TickScale
  /// Ticks of the counter in a second, as well as is known.
  public let hertz: UInt64
  /// The rate that `scale` is made of: a little more or less than `hertz` while the clock makes up for an error.
  public let steered: UInt64
  /// Ticks of the local APIC timer in 2^32 nanoseconds.
  public let timerTicksPerTera: UInt64

  /// A clock that was at time zero at `origin`; rates of the counter and the APIC timer in Hz.
  public init(origin: UInt64, hertz: UInt64, timerHertz: UInt64) {
    self.init(stamp: origin, base: 0, hertz: hertz, steered: hertz, timerTicksPerTera: SystemClock.scaled(timerHertz))
  }

  init(stamp: UInt64, base: UInt64, hertz: UInt64, steered: UInt64, timerTicksPerTera: UInt64) {
    self.stamp = stamp
    self.base = base
    self.hertz = hertz
    self.steered = steered
    self.timerTicksPerTera = timerTicksPerTera
    scale = TickScale(hertz: steered)
  }

  static func scaled(_ hertz: UInt64) -> UInt64 { Ratio.scaled(hertz, by: 1 &<< 32, over: 1_000_000_000) }

  /// The clock that goes on from this one at a value of the counter with other rates: without a step.
  public func continued(at counter: UInt64, hertz: UInt64, steered: UInt64) -> SystemClock {
    SystemClock(
      stamp: counter, base: time(at: counter), hertz: hertz, steered: steered, timerTicksPerTera: timerTicksPerTera)
  }

  /// Whether the point that the line goes through lies ahead of this CPU's counter: it cannot be read there yet.
  public var isAhead: Bool { Int64(bitPattern: martlet_rdtsc() &- stamp) < 0 }

  /// A clock of the same rates that is at `time` now.
  public func restarted(at time: UInt64) -> SystemClock {
    SystemClock(
      stamp: SystemClock.counter, base: time, hertz: hertz, steered: steered, timerTicksPerTera: timerTicksPerTera)
  }

  /// The same clock with another rate of the APIC timer.
  public func withTimer(hertz: UInt64) -> SystemClock {
    SystemClock(
      stamp: stamp, base: base, hertz: self.hertz, steered: steered, timerTicksPerTera: SystemClock.scaled(hertz))
  }

  /// The same clock for a CPU whose counter is `ticks` ahead of that of the CPU that this one is for.
  public func shifted(by ticks: UInt64) -> SystemClock {
    SystemClock(
      stamp: stamp &+ ticks, base: base, hertz: hertz, steered: steered, timerTicksPerTera: timerTicksPerTera)
  }

  /// What the counter was at time zero, had it always run as now.
  public var origin: UInt64 { stamp &- Ratio.scaled(base, by: steered, over: 1_000_000_000) }

  /// Nanoseconds since boot.
  @inlinable @inline(__always)
  public var now: UInt64 { base &+ scale.nanoseconds(martlet_rdtsc() &- stamp) }

  /// Nanoseconds since boot at a counter value from `stamp` on.
  @inlinable public func time(at counter: UInt64) -> UInt64 { base &+ scale.nanoseconds(counter &- stamp) }

  /// The counter now.
  @inlinable public static var counter: UInt64 { martlet_rdtsc() }

  /// The counter, read after everything before and before everything after.
  @inlinable public static var orderedCounter: UInt64 { martlet_rdtsc_ordered() }

  /// Has this CPU's timer interrupt at time `deadline`, or as soon as it can if that is past. At most some seconds ahead: the
  /// interrupt's handler asks again.
  public func setTimer(deadline: UInt64, now: UInt64) {
    guard deadline != UInt64.max else {
      LocalAPIC.setTimer(count: 0)
      return
    }
    let delay = deadline > now ? min(deadline &- now, 1_000_000_000) : 0
    let ticks = delay.multipliedFullWidth(by: timerTicksPerTera)
    let count = ticks.high &<< 32 | ticks.low &>> 32
    LocalAPIC.setTimer(count: UInt32(truncatingIfNeeded: max(1, min(count, 0xffff_fff0))))
  }

  /// Spins for some microseconds.
  public func delay(microseconds: UInt64) {
    let end = now &+ microseconds &* 1000
    while now < end { martlet_pause() }
  }
}
