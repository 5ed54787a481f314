// SPDX-License-Identifier: Apache-2.0
// A vCPU's timers: one-shot, periodic, the end of a poll, the domain's watchdogs. All of them together need one place in a CPU's
// timer queue: that of whichever comes first.
//
// Other vCPUs of the domain change them too (VCPUOP_stop_periodic_timer, watchdogs), and they may fire on a CPU that the vCPU
// has left. So the deadlines have a lock, and a vCPU enters a queue only under it: it is never in two. (A queue may drop it
// under its own lock alone, when it falls due.)
import Machine
import XenABI

/// When a vCPU wants to be told of the time, in system time.
public struct VCPUTimers: ~Copyable {
  /// When the one-shot timer fires; nil if it is not set.
  public var oneShot: UInt64?
  /// The period of the periodic timer in nanoseconds; zero if it is off.
  private(set) var period: UInt64 = 0
  /// When the periodic timer fires next.
  private var nextPeriod: UInt64 = 0
  /// Whether the guest has neither set nor stopped the periodic timer. It then ticks every 10 ms, as under Xen, once VIRQ_TIMER
  /// is bound: before, nobody would notice.
  var ticksByItself = true
  /// When a poll ends at the latest (`SCHEDOP_poll`); nil if never.
  public var pollTimeout: UInt64?
  /// On vCPU 0: when the first of the domain's watchdogs runs out.
  public var watchdog = UInt64.max
  /// The CPU whose timer queue it is in, if it is in one.
  var cpu = 0

  /// No timer set.
  public init() {}

  /// Sets the period of the periodic timer, in nanoseconds, zero for none, from a time on.
  public mutating func tick(every period: UInt64, from now: UInt64) {
    ticksByItself = false
    self.period = period
    nextPeriod = now &+ period
  }

  /// The earliest of the deadlines.
  var next: UInt64 {
    var next = oneShot ?? UInt64.max
    if period != 0 { next = min(next, nextPeriod) }
    if let pollTimeout { next = min(next, pollTimeout) }
    return min(next, watchdog)
  }

  /// What has come due.
  struct Due {
    var tick = false
    var poll = false
    var watchdog = false
  }

  /// Takes what is due at `now`; the periodic timer goes on. Ticks that were missed are not made up for.
  mutating func takeDue(now: UInt64) -> Due {
    var due = Due()
    if let time = oneShot, time <= now {
      oneShot = nil
      due.tick = true
    }
    if period != 0, nextPeriod <= now {
      due.tick = true
      let missed = (now &- nextPeriod) / period &+ 1
      nextPeriod = nextPeriod &+ missed &* period
    }
    if let time = pollTimeout, time <= now {
      pollTimeout = nil
      due.poll = true
    }
    if watchdog <= now {
      watchdog = UInt64.max
      due.watchdog = true
    }
    return due
  }
}

extension Ref where T == VCPU {
  /// Changes the vCPU's deadlines, from any CPU, and has the timer follow. It is this CPU's timer from now on.
  public func changeTimers(_ change: (inout VCPUTimers) -> Void) {
    let here = Ref<PhysicalCPU>.current
    self[].timers.withLock { timers in
      change(&timers)
      enqueue(&timers, here)
    }
    Timers.program(here)
  }

  /// VIRQ_TIMER has been bound: starts the tick that every vCPU has until its guest says otherwise.
  func startTick() {
    guard self[].timers.withLock({ $0.ticksByItself }) else { return }
    let now = Hypervisor.now
    changeTimers { if $0.ticksByItself { $0.tick(every: 10_000_000, from: now) } }
  }

  /// Puts the vCPU's earliest deadline into this CPU's queue. Under the lock of its timers.
  private func enqueue(_ timers: inout VCPUTimers, _ here: Ref<PhysicalCPU>) {
    if timers.cpu != here[].number, let other = Ref<Hypervisor>.shared[].cpus[timers.cpu] {
      other[].timers.withLock { $0.set(self, deadline: UInt64.max) }
    }
    timers.cpu = here[].number
    let deadline = timers.next
    here[].timers.withLock { $0.set(self, deadline: deadline) }
  }

  /// The timer has fired on this CPU: sets the next deadline, tells the guest, wakes a poll, looks at the watchdogs.
  func timerFired(now: UInt64, _ here: Ref<PhysicalCPU>) {
    let due = self[].timers.withLock { timers in
      let due = timers.takeDue(now: now)
      enqueue(&timers, here)
      return due
    }
    if due.tick { Events.raise(virq: VirtualInterrupt.timer, vcpu: self) }
    if due.poll && self[].isPolling.load() != 0 { endPolling() }
    if due.watchdog { Watchdogs.check(self[].domain, now: now) }
  }
}

/// The timers of the CPU that runs this.
public enum Timers {
  /// How many due timers one stretch handles: each raises an event, and may wake a vCPU on another CPU.
  static let batch = 32

  /// Handles timers that are due, a batch at most. If there are more, interrupts are let in, and this CPU has work left: what is
  /// due follows at once, but in a stretch of its own.
  static func run(_ cpu: Ref<PhysicalCPU>, now: UInt64) {
    if now >= cpu[].nextComparison { Timekeeping.compare(cpu, now: now) }
    for _ in 0..<batch {
      guard let vcpu = cpu[].timers.withLock({ $0.takeDue(now: now) }) else { return }
      vcpu.timerFired(now: now, cpu)
    }
    guard cpu[].timers.withLock({ $0.first }) <= now else { return }
    cpu[].work.fetchOr(CPUWork.timers)
    Registers.allowInterrupts()
  }

  /// Sets the CPU's timer to the earliest thing that has to happen.
  @inline(__always)
  static func program(_ cpu: Ref<PhysicalCPU>) {
    let first = cpu[].timers.withLock { $0.first }
    let deadline = min(min(first, cpu[].sliceEnd), min(cpu[].nextComparison, cpu[].consolePoll))
    if deadline != cpu[].timerDeadline {
      cpu[].timerDeadline = deadline
      let clock = cpu[].clock
      clock.setTimer(deadline: deadline, now: clock.now)
    }
  }
}
