// SPDX-License-Identifier: Apache-2.0
// Keeping the clock right while the machine runs. docs/time.md tells the whole; in short:
//
// Every CPU has a clock of its own (`PhysicalCPU.clock`) and reads no other, so reading it takes no lock. Where the counter is one
// and the same on all CPUs (*stable*), all clocks are copies of one line: the first CPU compares it with the platform timer once
// a second, and when it has to be steered, all CPUs are told and take over the new line before they next run a guest. Where not,
// each CPU compares its own clock.
//
// Rule K1: a CPU's clock never goes back. The new line goes through the point at which the old one is left; a CPU that takes over
// late waits until it has caught up with itself.
import Machine

/// What the comparing of the machine's one clock needs. Under a lock of its own.
public struct Timekeeper: ~Copyable {
  /// The timer to compare with; nil if none lasts.
  var timer: PlatformTimer?
  /// The comparison of the machine's clock, while the counter is stable.
  var comparison: ClockComparison?

  /// Nothing to compare with.
  public init() {}
}

/// Keeping time.
public enum Timekeeping {
  /// How often clocks are compared, in nanoseconds.
  static var interval: UInt64 { 1_000_000_000 }

  /// Whether the counter is the same on all CPUs and keeps its rate.
  @inline(__always)
  public static var isStable: Bool { Ref<Hypervisor>.shared[].isCounterStable.load() != 0 }

  /// How many ticks the machine's counter makes in a millisecond.
  public static var kilohertz: UInt32 { UInt32(truncatingIfNeeded: Ref<Hypervisor>.shared[].clock.hertz / 1000) }

  /// Begins, on the first CPU at the end of boot: all CPUs take over the clock, and it is compared from now on.
  public static func start(_ clock: SystemClock, _ timer: PlatformTimer?, _ trust: CounterTrust) {
    let isLasting = timer.map { $0.isLasting } ?? false
    Ref<Hypervisor>.shared[].isCounterStable.store(trust.isStable ? 1 : 0)
    Ref<Hypervisor>.shared[].timekeeper.withLock { keeper in
      Ref<Hypervisor>.shared[].clock = clock
      keeper.timer = isLasting ? timer : nil
      if let timer, isLasting, trust.isStable {
        keeper.comparison = ClockComparison(read(timer), clock, memory: 64_000_000_000, mostChange: 10_000)
      }
    }
    let here = Ref<PhysicalCPU>.current
    tellAll()
    takeOver(here)
  }

  /// Has every CPU take over the machine's clock before it next runs a guest.
  private static func tellAll() {
    for number in 0..<CPUs.started {
      guard let cpu = Ref<Hypervisor>.shared[].cpus[number] else { continue }
      cpu[].work.fetchOr(CPUWork.clock)
      if number != CPUs.current { LocalAPIC.send(.wake, to: number) }
    }
  }

  /// CPUWork.clock: this CPU goes on with the clock as it is now, and so does the vCPU in its hardware.
  static func takeOver(_ cpu: Ref<PhysicalCPU>) {
    let isStable = self.isStable
    let (shared, timer) = Ref<Hypervisor>.shared[].timekeeper.withLock { (Ref<Hypervisor>.shared[].clock, $0.timer) }
    if isStable {
      set(shared, of: cpu)
    } else if cpu[].comparison == nil {
      set(shared.shifted(by: UInt64(bitPattern: cpu[].counterOffset)), of: cpu)
      if let timer {
        cpu[].comparison = ClockComparison(read(timer), cpu[].clock, memory: 1_000_000_000, mostChange: 500_000)
      }
    }
    let compares = timer != nil && (!isStable || cpu[].number == 0)
    cpu[].nextComparison = compares ? cpu[].clock.now &+ interval : UInt64.max
    cpu[].vcpu?.republishTime(cpu)
  }

  /// Rule K1. The wait is short: lines differ by 10 ppm at most, so it is 1 us for each 100 ms that this CPU is late. A line that
  /// this CPU's counter does not reach in time is no use to it: it goes on from where it is.
  static func set(_ clock: SystemClock, of cpu: Ref<PhysicalCPU>) {
    let reached = cpu[].clock.now
    var patience = 2_000
    while clock.isAhead || clock.now < reached {
      guard patience > 0 else {
        cpu[].clock = clock.restarted(at: reached)
        return
      }
      // Others may wait for a flush of this CPU meanwhile.
      Waiting.step()
      patience &-= 1
    }
    cpu[].clock = clock
  }

  /// The tightest of some readings.
  private static func read(_ timer: PlatformTimer) -> TimerReading {
    var readings = ReadingSet()
    for _ in 0..<ReadingSet.capacity { readings.add(timer.read()) }
    return readings[0]
  }

  /// Compares this CPU's clock with the platform timer, once a second.
  static func compare(_ cpu: Ref<PhysicalCPU>, now: UInt64) {
    cpu[].nextComparison = now &+ interval
    guard let timer = Ref<Hypervisor>.shared[].timekeeper.withLock({ $0.timer }) else {
      cpu[].nextComparison = UInt64.max
      return
    }
    let reading = read(timer)
    if isStable { compareShared(cpu, reading) } else { compareOwn(cpu, reading, timer) }
  }

  private static func compareShared(_ cpu: Ref<PhysicalCPU>, _ reading: TimerReading) {
    let verdict = Ref<Hypervisor>.shared[].timekeeper.withLock { keeper -> ClockComparison.Verdict in
      guard let timer = keeper.timer else { return .lost }
      let clock = Ref<Hypervisor>.shared[].clock
      let verdict = keeper.comparison?.compare(reading, of: timer, with: clock) ?? .right
      switch verdict {
      case .right: break
      case .steer(let hertz, let steered), .changed(let hertz, let steered):
        Ref<Hypervisor>.shared[].clock = clock.continued(at: SystemClock.counter, hertz: hertz, steered: steered)
      case .lost: keeper.timer = nil
      }
      return verdict
    }
    switch verdict {
    case .right: return
    case .steer: break
    case .changed:
      Ref<Hypervisor>.shared[].isCounterStable.store(0)
      Log.write(
        .warning, "the counter runs at another rate than it did: each CPU's clock is compared for itself from now on")
    case .lost: reportLoss()
    }
    tellAll()
  }

  private static func compareOwn(_ cpu: Ref<PhysicalCPU>, _ reading: TimerReading, _ timer: PlatformTimer) {
    let clock = cpu[].clock
    switch cpu[].comparison?.compare(reading, of: timer, with: clock) ?? .right {
    case .right: return
    case .steer(let hertz, let steered), .changed(let hertz, let steered):
      cpu[].clock = clock.continued(at: SystemClock.counter, hertz: hertz, steered: steered)
    case .lost:
      cpu[].nextComparison = UInt64.max
      let isFirst = Ref<Hypervisor>.shared[].timekeeper.withLock { keeper in
        defer { keeper.timer = nil }
        return keeper.timer != nil
      }
      if isFirst { reportLoss() }
      return
    }
    cpu[].vcpu?.republishTime(cpu)
  }

  private static func reportLoss() {
    Log.write(.warning, "the platform timer stands still or jumps: clocks go by the counter alone from now on")
  }
}
