// SPDX-License-Identifier: Apache-2.0
// Who runs where, and when that changes: Borrowed Virtual Time (the Scheduling target) put to work on real CPUs.
//
// A vCPU belongs to the run queue of one CPU, its home. What it may do follows from its holds: none, and it is runnable. `settle`
// brings the queue's idea in line with the holds, under the queue's lock, so it does not matter in which order wakes and stops
// arrive.
//
// Three handshakes between CPUs go through here (docs/invariants.md, "Handshakes between CPUs"): a vCPU runs and looks for its
// upcalls, a CPU idles and looks for vCPUs that wait, a vCPU gets a home and its holds are looked at. In each both sides publish
// first and look then.
import Frames
import Machine
import Scheduling
import XenABI

/// The scheduler.
public enum Scheduler {
  /// Brings the run queue in line with the vCPU's holds, after anybody has changed them (by a locked operation: rule H3).
  public static func settle(_ vcpu: Ref<VCPU>) {
    var isPlaced = false
    while true {
      var isCrowded = false
      let now = Hypervisor.now
      let settled: (outcome: WakeOutcome?, cpu: Ref<PhysicalCPU>)? = withHome(of: vcpu) { queue, cpu in
        if !isPlaced, queue.runnableCount != 0, vcpu[].entity.account.state == .offline, vcpu[].holds.load() == 0 {
          return (nil, cpu)
        }
        let outcome = align(&queue, vcpu, now: now)
        isCrowded = queue.runnableCount > 1 && vcpu[].entity.isQueued
        return (outcome, cpu)
      }
      // Without a home: whoever gives it one sees the holds.
      guard let settled else { return }
      guard let outcome = settled.outcome else {
        isPlaced = true
        replace(vcpu)
        continue
      }
      heed(outcome, of: settled.cpu)
      if isCrowded { callIdleCPU(for: vcpu, besides: settled.cpu[].number) }
      return
    }
  }

  /// Has a CPU choose again before it next returns to a guest.
  static func demandDecision(_ cpu: Ref<PhysicalCPU>) {
    cpu[].work.fetchOr(CPUWork.schedule)
    if cpu[].number != CPUs.current { LocalAPIC.send(.wake, to: cpu[].number) }
  }

  /// The running vCPU gives way to others (`SCHEDOP_yield`).
  public static func yield() {
    let cpu = Ref<PhysicalCPU>.current
    cpu[].queue.withLock { $0.yield() }
    cpu[].work.fetchOr(CPUWork.schedule)
  }

  /// Takes a vCPU that is held for good out of its run queue. False while a CPU has not yet put its state away, or while one
  /// moves it from queue to queue: that one would put it into a queue after all.
  static func withdraw(_ vcpu: Ref<VCPU>) -> Bool {
    guard vcpu[].isScheduled else { return true }
    let isGone = withHome(of: vcpu) { queue, _ in
      guard take(vcpu, outOf: &queue, now: Hypervisor.now) else { return false }
      vcpu[].isScheduled = false
      return true
    }
    return isGone ?? false
  }

  /// Chooses who runs on this CPU and switches to them; waits, with interrupts let in, while there is nobody.
  static func decide(_ cpu: Ref<PhysicalCPU>, _ frame: Ref<TrapFrame>) {
    let hypervisor = Ref<Hypervisor>.shared
    while true {
      Reaper.attendIfNeeded()
      let now = Hypervisor.now
      let decision = cpu[].queue.withLock { queue in
        var store = VCPUStore()
        let decision = queue.decide(in: &store, now: now)
        if let next = decision.next { claim(next, cpu) }
        if let displaced = decision.displaced { store.vcpu(displaced)[].home.store(VCPU.nowhere) }
        return decision
      }
      let next = decision.next.flatMap { hypervisor[].vcpus.find($0) }
      if let next, cpu[].vcpu != next { switchTo(next, cpu, frame) }
      if let displaced = decision.displaced, let vcpu = hypervisor[].vcpus.find(displaced) {
        // Not before this CPU has let it go.
        if cpu[].vcpu == vcpu { vacate(cpu, frame) }
        join(vcpu)
      }
      if next == nil {
        // Idle first, then the look at others' queues: who has somebody wait looks for idle CPUs after that.
        cpu[].isIdle = true
        if steal(cpu, now: now) { continue }
      }
      let end = decision.runFor == UInt64.max ? UInt64.max : now &+ decision.runFor
      cpu[].sliceEnd = next == nil ? end : min(end, cpu[].nextBalance)
      Timers.program(cpu)
      guard let next else {
        shed(cpu, frame)
        wait(cpu)
        GuestExit.workWhileIdle(cpu)
        continue
      }
      if cpu[].isIdle { cpu[].isIdle = false }
      // The exit looks after this whether an upcall or an NMI is pending; whoever makes one pending looks then whether it runs.
      if next[].isRunning.load() == 0 { next[].isRunning.publish(1) {} }
      return
    }
  }

  /// Notes that a vCPU's state is about to be in this CPU's hardware. Under the queue's lock: whoever sets a hold and takes the
  /// lock after that finds either the note, or a vCPU that will not be chosen (rule H1).
  @inline(__always)
  private static func claim(_ index: EntityIndex, _ cpu: Ref<PhysicalCPU>) {
    guard let vcpu = Ref<Hypervisor>.shared[].vcpus.find(index), cpu[].vcpu != vcpu else { return }
    vcpu[].cpu.store(UInt64(cpu[].number))
    vcpu[].isLoaded.store(1)
    ledger[].accounts.startTranslating(vcpu[].domain[].id, cpu: cpu[].number)
  }

  /// Nobody is to run: takes the state of a vCPU that will not run soon out of the hardware, and with it the CPU's view of its
  /// domain. (Rule H1, see Quiescence.swift. One that only waits for an event stays: it is likely to be the next.)
  private static func shed(_ cpu: Ref<PhysicalCPU>, _ frame: Ref<TrapFrame>) {
    guard let old = cpu[].vcpu else { return }
    if old[].holds.load() & ~VCPUHold.blocked != 0 { vacate(cpu, frame) }
  }

  /// Waits until there may be something to do.
  private static func wait(_ cpu: Ref<PhysicalCPU>) {
    cpu[].vcpu?[].isRunning.store(0)
    while cpu[].work.load() == 0 {
      // Memory that is cleared now need not be when somebody waits for it.
      if ledger[].scrubSome() { Registers.allowInterrupts() } else { Registers.waitForInterrupt() }
    }
  }
}
