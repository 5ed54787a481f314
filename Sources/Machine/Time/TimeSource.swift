// SPDX-License-Identifier: Apache-2.0
// The one clock of the machine: the time-stamp counter, scaled to nanoseconds since boot; and how fast it runs, measured
// against a timer whose rate is known.
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

/// System time.
public struct SystemClock: BitwiseCopyable {
  /// The counter's value at time zero.
  public let origin: UInt64
  /// How ticks become nanoseconds.
  public let scale: TickScale
  /// Ticks of the counter in a second.
  public let hertz: UInt64
  /// Ticks of the local APIC timer in 2^32 nanoseconds.
  public let timerTicksPerTera: UInt64

  /// A clock that was at time zero at `origin`; rates of the counter and the APIC timer in Hz.
  public init(origin: UInt64, hertz: UInt64, timerHertz: UInt64) {
    self.origin = origin
    self.hertz = hertz
    scale = TickScale(hertz: hertz)
    timerTicksPerTera = timerHertz.multipliedFullWidth(by: 1 &<< 32).low == 0 ? 0 : SystemClock.scaled(timerHertz)
  }

  static func scaled(_ hertz: UInt64) -> UInt64 {
    let product = hertz.multipliedFullWidth(by: 1 &<< 32)
    return product.high < 1_000_000_000 ? martlet_divide(product.high, product.low, 1_000_000_000) : 0
  }

  /// Nanoseconds since boot.
  @inlinable @inline(__always)
  public var now: UInt64 { scale.nanoseconds(martlet_rdtsc() &- origin) }

  /// Nanoseconds since boot at a counter value.
  @inlinable public func time(at counter: UInt64) -> UInt64 { scale.nanoseconds(counter &- origin) }

  /// The counter now.
  @inlinable public static var counter: UInt64 { martlet_rdtsc() }

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

#if !os(Linux)
  /// A timer of known rate that the counter is measured against.
  public enum ReferenceTimer {
    /// The ACPI power-management timer at an I/O port: 3.579545 MHz, 24 bits at least.
    case powerManagement(port: UInt16)
    /// The HPET, mapped at an address, with its period in femtoseconds.
    case hpet(base: UInt64, period: UInt64)
    /// The old interval timer's channel 2: 1.193182 MHz.
    case interval

    /// Opens the HPET mapped at `base`; nil if its period makes no sense.
    public static func openHPET(base: UInt64) -> ReferenceTimer? {
      let period = martlet_mmio_read64(base) &>> 32
      guard period > 100_000, period <= 100_000_000 else { return nil }
      martlet_mmio_write64(base &+ 0x10, martlet_mmio_read64(base &+ 0x10) | 1)
      return .hpet(base: base, period: period)
    }

    /// Lets about 20 ms pass; gives how many nanoseconds it were.
    public func pass() -> UInt64 {
      switch self {
      case .powerManagement(let port):
        let first = martlet_in32(port) & 0xff_ffff
        var now = first
        while (now &- first) & 0xff_ffff < 71_591 { now = martlet_in32(port) & 0xff_ffff }
        return UInt64((now &- first) & 0xff_ffff) &* 1_000_000_000 / 3_579_545
      case .hpet(let base, let period):
        let first = UInt32(truncatingIfNeeded: martlet_mmio_read64(base &+ 0xf0))
        let wanted = UInt32(truncatingIfNeeded: 20_000_000_000_000 / period)
        var now = first
        while now &- first < wanted { now = UInt32(truncatingIfNeeded: martlet_mmio_read64(base &+ 0xf0)) }
        return UInt64(now &- first) &* period / 1_000_000
      case .interval:
        martlet_out8(0x61, martlet_in8(0x61) & ~2 | 1)
        martlet_out8(0x43, 0xb0)
        martlet_out8(0x42, UInt8(truncatingIfNeeded: 23_863))
        martlet_out8(0x42, UInt8(truncatingIfNeeded: 23_863 &>> 8))
        while martlet_in8(0x61) & 0x20 == 0 {}
        return 20_000_000
      }
    }

    /// How many ticks of the time-stamp counter and of the local APIC timer pass in a second.
    public func measure() -> (counter: UInt64, timer: UInt64) {
      LocalAPIC.setTimer(count: 0xffff_ffff)
      let startTimer = LocalAPIC.timerCount
      let start = martlet_rdtsc()
      let span = max(pass(), 1)
      let ticks = martlet_rdtsc() &- start
      let timerTicks = UInt64(startTimer &- LocalAPIC.timerCount)
      LocalAPIC.setTimer(count: 0)
      return (perSecond(ticks, span), perSecond(timerTicks, span))
    }

    func perSecond(_ ticks: UInt64, _ nanoseconds: UInt64) -> UInt64 {
      let product = ticks.multipliedFullWidth(by: 1_000_000_000)
      return product.high < nanoseconds ? martlet_divide(product.high, product.low, nanoseconds) : 0
    }
  }
#endif

/// The battery-backed clock, for the time of day at boot.
public enum RealTimeClock {
  static func read(_ register: UInt8) -> UInt8 {
    martlet_out8(0x70, register)
    return martlet_in8(0x71)
  }

  /// Seconds since 1970, UTC; 0 when the clock makes no sense.
  public static var seconds: UInt64 {
    var patience = 100_000
    while read(0x0a) & 0x80 != 0 && patience > 0 { patience &-= 1 }
    let binary = read(0x0b) & 4 != 0
    func number(_ register: UInt8) -> UInt64 {
      let raw = UInt64(read(register))
      return binary ? raw : (raw &>> 4) &* 10 &+ (raw & 15)
    }
    let (second, minute, hour) = (number(0), number(2), number(4))
    let (day, month) = (number(7), number(8))
    let year = number(9) &+ 2000
    guard second < 60, minute < 60, hour < 24, day >= 1, day <= 31, month >= 1, month <= 12, year < 2100 else {
      return 0
    }
    // Days since 1970 by the civil calendar, with years that begin in March.
    let shifted = month <= 2 ? year &- 1 : year
    let march = (month &+ 9) % 12
    let days = shifted &* 365 &+ shifted / 4 &- shifted / 100 &+ shifted / 400 &+ (march &* 306 &+ 5) / 10 &+ day &- 1
    return (days &- 719_468) &* 86400 &+ hour &* 3600 &+ minute &* 60 &+ second
  }
}
