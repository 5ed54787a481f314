// SPDX-License-Identifier: Apache-2.0
// Finding out how fast the counter runs: a rough figure at once, since starting CPUs takes waiting, and a precise one at the end
// of boot, when the baseline has become long by itself. docs/time.md has the whole story.
import Domains
import Images
import Machine

/// The measurement of the counter and of the local APIC's timer, between its two ends.
struct ClockSetup {
  private var counter: Calibration<PlatformTimer>?
  private var timer: Calibration<PlatformTimer>?
  /// The clock as it is known so far.
  private(set) var clock: SystemClock

  /// How long the end of boot may be held up for the sake of a better figure.
  private static var patience: UInt64 { 400_000 }

  /// Begins, with the first timer that runs.
  init(_ acpi: ACPIInformation?, _ options: HypervisorOptions) {
    let origin = SystemClock.counter
    let told = ToldRate.ofThisCPU
    counter = ClockSetup.firstThatRuns(acpi, options, told)
    let hertz: UInt64
    if let rate = counter?.rate {
      hertz = rate.hertz
    } else if let told {
      hertz = told.hertz
      Log.write(.warning, "no timer runs that the counter could be measured by; going by what CPUID tells of it")
    } else {
      BootFailure.stop(
        "no timer runs (HPET, ACPI PM timer and PIT were tried), and CPUID does not tell the counter's rate")
    }
    timer = Calibration(PlatformTimer.startLocalAPIC())
    guard let measured = timer?.rate else { BootFailure.stop("the local APIC's timer does not run") }
    clock = SystemClock(
      origin: origin, hertz: hertz, timerHertz: PlatformTimer.rate(ofLocalAPIC: measured.hertz, counter: hertz))
  }

  /// The timer that was asked for (`clocksource=`), then those that there are from the best on.
  private static func firstThatRuns(
    _ acpi: ACPIInformation?, _ options: HypervisorOptions, _ told: ToldRate?
  ) -> Calibration<PlatformTimer>? {
    if let asked = options.clockSource, asked != .tsc {
      if let found = measure(open(asked, acpi), told) { return found }
      Log.write(.warning, "the timer that clocksource= asks for is not there or does not run; trying the others")
    }
    if options.clockSource != .hpet, let found = measure(open(.hpet, acpi), told) { return found }
    if options.clockSource != .acpi, let found = measure(open(.acpi, acpi), told) { return found }
    return options.clockSource != .pit ? measure(open(.pit, acpi), told) : nil
  }

  private static func open(_ source: ClockSource, _ acpi: ACPIInformation?) -> PlatformTimer? {
    switch source {
    case .hpet:
      guard let timer = acpi?.eventTimer else { return nil }
      return PlatformTimer.openHPET(base: HypervisorSpace.devicePage(1) &+ timer.address & 0xfff)
    case .acpi:
      guard let port = acpi?.fixedDescription?.timer, port.address <= 0xffff, port.address != 0 else { return nil }
      return .powerManagement(port: UInt16(port.address))
    case .pit: return PlatformTimer.startInterval()
    case .tsc: return nil
    }
  }

  private static func measure(_ timer: PlatformTimer?, _ told: ToldRate?) -> Calibration<PlatformTimer>? {
    guard let timer else { return nil }
    guard let found = Calibration(timer) else {
      Log.write(.warning) {
        $0.put(timer.name)
        $0.put(": stands still, or runs at no rate that makes sense; not used")
      }
      return nil
    }
    if let told, !told.agrees(with: found.rate.hertz) {
      Log.write(.warning) {
        $0.put(timer.name)
        $0.put(": by it the counter runs at ")
        $0.put(decimal: found.rate.hertz / 1000)
        $0.put(" kHz, and CPUID says ")
        $0.put(decimal: told.hertz / 1000)
      }
    }
    return found
  }

  /// The other end of the baseline: all CPUs go on with a precise clock, and the comparing begins.
  mutating func finish(_ options: HypervisorOptions, _ trust: CounterTrust) {
    let end = clock.now &+ ClockSetup.patience &* 1000
    // Should the figure not be good enough yet, it gets better by itself.
    var isKnown = counter?.finish() ?? false
    while counter != nil, !isKnown || !(counter?.rate.isPrecise ?? true), clock.now < end {
      clock.delay(microseconds: 10_000)
      isKnown = counter?.finish() ?? false || isKnown
    }
    let rate = counter?.rate
    let hertz = rate?.hertz ?? clock.hertz
    var timerHertz = UInt64(0)
    if timer?.finish() ?? false, let measured = timer?.rate {
      timerHertz = PlatformTimer.rate(ofLocalAPIC: measured.hertz, counter: hertz)
    }
    LocalAPIC.setTimer(count: 0)
    clock = clock.continued(at: SystemClock.counter, hertz: hertz, steered: hertz)
    if timerHertz != 0 { clock = clock.withTimer(hertz: timerHertz) }
    report(rate, trust)
    Timekeeping.start(clock, options.clockSource == .tsc ? nil : counter?.timer, trust)
  }

  private func report(_ rate: RateBounds?, _ trust: CounterTrust) {
    let hertz = clock.hertz
    Log.write(.info) {
      $0.put("counter at ")
      $0.put(decimal: hertz / 1000)
      $0.put(" kHz")
      if let rate {
        $0.put(" within ")
        $0.put(decimal: rate.uncertainty)
        $0.put(" ppb by the ")
        $0.put(counter?.timer.name ?? "")
      }
    }
    if !trust.isStable {
      Log.write(.info) {
        $0.put("the counter is not taken as stable, as ")
        $0.put(trust.reason)
        $0.put(": each CPU keeps a clock of its own")
      }
    }
    if let rate, !rate.isPrecise {
      Log.write(.warning, "the counter's rate is not known within 10 ppm yet; it is corrected while the machine runs")
    }
  }
}
