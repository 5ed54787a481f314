// SPDX-License-Identifier: Apache-2.0
// A vCPU's timers: one-shot, periodic, and the end of a poll. All of them together need one place in a CPU's timer queue: that of
// whichever comes first.
import Machine
import XenABI

extension Ref where T == VCPU {
  /// The earliest of the vCPU's deadlines.
  var nextDeadline: UInt64 {
    var next = self[].oneShot ?? UInt64.max
    if self[].period != 0 { next = min(next, self[].nextPeriod) }
    if let poll = self[].pollTimeout { next = min(next, poll) }
    return min(next, self[].watchdogDeadline)
  }

  /// Has the timer follow the deadlines as they are now. The caller has just changed one of them, on the CPU that runs the vCPU
  /// or with the vCPU held.
  public func updateTimer() {
    let here = Ref<PhysicalCPU>.current
    let owner = self[].timerCPU
    if owner != here[].number, let other = Ref<Hypervisor>.shared[].cpus[owner] {
      other[].timers.withLock { $0.set(self, deadline: UInt64.max) }
    }
    let deadline = nextDeadline
    here[].timers.withLock { queue in
      self[].timerCPU = here[].number
      queue.set(self, deadline: deadline)
    }
    Timers.program(here)
  }

  /// The timer has fired: tells the guest, wakes a poll, and sets the next deadline.
  func timerFired(now: UInt64) {
    var isDue = false
    if let time = self[].oneShot, time <= now {
      self[].oneShot = nil
      isDue = true
    }
    if self[].period != 0, self[].nextPeriod <= now {
      isDue = true
      // Ticks that were missed are not made up for.
      let missed = (now &- self[].nextPeriod) / self[].period &+ 1
      self[].nextPeriod = self[].nextPeriod &+ missed &* self[].period
    }
    if isDue { Events.raise(virq: VirtualInterrupt.timer, vcpu: self) }
    if let time = self[].pollTimeout, time <= now {
      self[].pollTimeout = nil
      if self[].isPolling.load() != 0 { endPolling() }
    }
    if self[].watchdogDeadline <= now {
      self[].watchdogDeadline = UInt64.max
      Watchdogs.check(self[].domain, now: now)
    }
  }
}

/// The timers of the CPU that runs this.
public enum Timers {
  /// Handles every timer that is due.
  static func run(_ cpu: Ref<PhysicalCPU>, now: UInt64) {
    // As many as there are vCPUs at most: each sets its next deadline in the future.
    while let vcpu = cpu[].timers.withLock({ $0.takeDue(now: now) }) {
      vcpu.timerFired(now: now)
      let next = vcpu.nextDeadline
      if next != UInt64.max { cpu[].timers.withLock { $0.set(vcpu, deadline: next) } }
    }
  }

  /// Sets the CPU's timer to the earliest thing that has to happen.
  @inline(__always)
  static func program(_ cpu: Ref<PhysicalCPU>) {
    let first = cpu[].timers.withLock { $0.first }
    let deadline = min(first, cpu[].sliceEnd)
    if deadline != cpu[].timerDeadline {
      cpu[].timerDeadline = deadline
      let clock = Ref<Hypervisor>.shared[].clock
      clock.setTimer(deadline: deadline, now: clock.now)
    }
  }
}
