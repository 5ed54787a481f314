// SPDX-License-Identifier: Apache-2.0
// The timers of a PC whose rates are known: HPET, the ACPI power-management timer, the old interval timer; and the local APIC's,
// whose rate is not.
import CMachine

/// A timer that the counter is measured against.
public struct PlatformTimer: KnownTimer, BitwiseCopyable {
  enum Kind: UInt8 { case hpet, powerManagement, interval, localAPIC }
  let kind: Kind
  /// The HPET's address, or the power-management timer's port.
  let place: UInt64
  /// Femtoseconds in a tick.
  public let period: UInt64
  /// How many bits its count has.
  public let bits: UInt64

  /// Opens the HPET whose registers are mapped at `base`, and starts it; nil if its period makes no sense (IA-PC HPET
  /// Specification 1.0a, 2.3.4: at most 100 ns).
  public static func openHPET(base: UInt64) -> PlatformTimer? {
    let period = martlet_mmio_read64(base) &>> 32
    guard period > 100_000, period <= 100_000_000 else { return nil }
    martlet_mmio_write64(base &+ 0x10, martlet_mmio_read64(base &+ 0x10) | 1)
    // The upper half of the count would be another access, and is not everywhere.
    return PlatformTimer(kind: .hpet, place: base, period: period, bits: 32)
  }

  /// The ACPI power-management timer at an I/O port: 3.579545 MHz; all have 24 bits.
  public static func powerManagement(port: UInt16) -> PlatformTimer {
    PlatformTimer(kind: .powerManagement, place: UInt64(port), period: 279_365_115, bits: 24)
  }

  /// The 8254's channel 2, set to run round and round: 1.193182 MHz, 16 bits. Whoever makes the loudspeaker sound sets it otherwise,
  /// so it is good for the time of boot only.
  public static func startInterval() -> PlatformTimer {
    martlet_out8(0x61, martlet_in8(0x61) & ~2 | 1)
    martlet_out8(0x43, 0xb4)  // channel 2, two bytes, rate generator
    martlet_out8(0x42, 0)
    martlet_out8(0x42, 0)
    return PlatformTimer(kind: .interval, place: 0, period: 838_095_110, bits: 16)
  }

  /// The timer of this CPU's local APIC, counting its whole range down once, as if it ran at 100 MHz: the rate that is measured
  /// by it says what its own is (`rate(ofLocalAPIC:counter:)`).
  public static func startLocalAPIC() -> PlatformTimer {
    LocalAPIC.setTimer(count: UInt32.max)
    return PlatformTimer(kind: .localAPIC, place: 0, period: 10_000_000, bits: 32)
  }

  /// The local APIC timer's rate in Hz, from the counter's as measured by that timer, and the counter's own.
  public static func rate(ofLocalAPIC measured: UInt64, counter: UInt64) -> UInt64 {
    Ratio.scaled(100_000_000, by: counter, over: max(measured, 1))
  }

  /// Whether nobody else sets it: it can be compared with as long as the machine runs.
  public var isLasting: Bool { kind == .hpet || kind == .powerManagement }

  /// What it is called in messages.
  public var name: StaticString {
    switch kind {
    case .hpet: "HPET"
    case .powerManagement: "ACPI PM timer"
    case .interval: "PIT"
    case .localAPIC: "local APIC timer"
    }
  }

  /// Reads it between two readings of the counter.
  public func read() -> TimerReading {
    let before = martlet_rdtsc_ordered()
    let count: UInt64
    switch kind {
    case .hpet: count = UInt64(martlet_mmio_read32(place &+ 0xf0))
    case .powerManagement: count = UInt64(martlet_in32(UInt16(truncatingIfNeeded: place)) & 0xff_ffff)
    case .interval:
      // The count is caught by the command; it is fetched afterwards, in two bytes.
      martlet_out8(0x43, 0x80)
      let after = martlet_rdtsc_ordered()
      let low = UInt64(martlet_in8(0x42))
      let high = UInt64(martlet_in8(0x42))
      return TimerReading(before: before, after: after, count: ~(high &<< 8 | low) & 0xffff)
    case .localAPIC: count = UInt64(~LocalAPIC.timerCount)
    }
    return TimerReading(before: before, after: martlet_rdtsc_ordered(), count: count)
  }
}
