// SPDX-License-Identifier: Apache-2.0
// Who runs where, and when that changes: Borrowed Virtual Time (the Scheduling target) put to work on real CPUs.
//
// A vCPU belongs to the run queue of one CPU. What it may do follows from its holds: none, and it is runnable. `settle` brings
// the queue's idea in line with the holds, under the queue's lock, so it does not matter in which order wakes and stops arrive.
import Frames
import Machine
import Scheduling
import XenABI

/// The scheduler.
public enum Scheduler {
  /// Brings the run queue in line with the vCPU's holds, after anybody has changed them.
  public static func settle(_ vcpu: Ref<VCPU>) {
    var isPlaced = false
    while true {
      let number = Int(vcpu[].entity.cpu)
      guard let cpu = Ref<Hypervisor>.shared[].cpus[number] else { return }
      let now = Hypervisor.now
      var isCrowded = false
      let result: Settled = cpu[].queue.withLock { queue in
        guard Int(vcpu[].entity.cpu) == number else { return .moved }
        var store = VCPUStore()
        let holds = vcpu[].holds.load()
        if holds == 0 {
          if !isPlaced, queue.runnableCount != 0, vcpu[].entity.account.state == .offline { return .place }
          let outcome = queue.wake(vcpu[].index, in: &store, now: now)
          isCrowded = queue.runnableCount > 1
          switch outcome {
          case .none: return .fine
          case .rearm(let time): return .rearm(time)
          case .reschedule: return .decide
          }
        }
        let reason: SleepReason = holds & ~VCPUHold.blocked == 0 ? .blocked : .offline
        return queue.sleep(vcpu[].index, as: reason, in: &store, now: now) ? .decide : .fine
      }
      switch result {
      case .moved: continue
      case .place:
        isPlaced = true
        replace(vcpu)
        continue
      case .fine: break
      case .rearm(let time):
        if number == CPUs.current {
          cpu[].sliceEnd = time
          Timers.program(cpu)
        } else {
          demandDecision(cpu)
        }
      case .decide: demandDecision(cpu)
      }
      if isCrowded { callIdleCPU(for: vcpu, besides: number) }
      return
    }
  }

  private enum Settled {
    case moved, place, fine, decide
    case rearm(UInt64)
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
    let number = Int(vcpu[].entity.cpu)
    guard let cpu = Ref<Hypervisor>.shared[].cpus[number] else { return true }
    return cpu[].queue.withLock { queue in
      guard vcpu[].isScheduled else { return true }
      guard Int(vcpu[].entity.cpu) == number, vcpu[].entity.isAdmitted else { return false }
      var store = VCPUStore()
      guard queue.withdraw(vcpu[].index, in: &store, now: Hypervisor.now) else { return false }
      vcpu[].isScheduled = false
      return true
    }
  }

  /// Chooses who runs on this CPU and switches to them; waits, with interrupts let in, while there is nobody.
  static func decide(_ cpu: Ref<PhysicalCPU>, _ frame: Ref<TrapFrame>) {
    while true {
      Reaper.attendIfNeeded()
      let now = Hypervisor.now
      let decision = cpu[].queue.withLock { queue in
        var store = VCPUStore()
        let decision = queue.decide(in: &store, now: now)
        if let next = decision.next { claim(next, cpu) }
        return decision
      }
      if let displaced = decision.displaced, let vcpu = Ref<Hypervisor>.shared[].vcpus.find(displaced) {
        if cpu[].vcpu == vcpu { leave(cpu, frame) }
        join(vcpu)
        // Whoever changed its holds on the way has found no queue to tell.
        settle(vcpu)
      }
      var next = decision.next
      if next == nil, steal(cpu, now: now) { continue }
      let end = decision.runFor == UInt64.max ? UInt64.max : now &+ decision.runFor
      cpu[].sliceEnd = next == nil ? end : min(end, cpu[].nextBalance)
      Timers.program(cpu)
      guard let chosen = next, let vcpu = Ref<Hypervisor>.shared[].vcpus.find(chosen) else {
        next = nil
        shed(cpu, frame)
        idle(cpu)
        GuestExit.workWhileIdle(cpu)
        continue
      }
      cpu[].isIdle = false
      if cpu[].vcpu != vcpu {
        leave(cpu, frame)
        vcpu.enter(cpu, frame)
      }
      vcpu[].isRunning.store(1)
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

  /// Saves the state of whoever's is in the hardware.
  static func leave(_ cpu: Ref<PhysicalCPU>, _ frame: Ref<TrapFrame>) {
    guard let old = cpu[].vcpu else { return }
    old.leave(cpu, frame)
    cpu[].vcpu = nil
    cpu[].queue.withLock { $0.completeSwitch() }
  }

  /// Nobody is to run: takes the state of a vCPU that will not run soon out of the hardware, and with it the CPU's view of its
  /// domain. (Rule H1, see Quiescence.swift. One that only waits for an event stays: it is likely to be the next.)
  private static func shed(_ cpu: Ref<PhysicalCPU>, _ frame: Ref<TrapFrame>) {
    if let old = cpu[].vcpu {
      if old[].holds.load() & ~VCPUHold.blocked == 0 { return }
      leave(cpu, frame)
    }
    cpu.forgetTables()
  }

  /// Waits until there may be something to do.
  private static func idle(_ cpu: Ref<PhysicalCPU>) {
    cpu[].isIdle = true
    cpu[].vcpu?[].isRunning.store(0)
    while cpu[].work.load() == 0 {
      // Memory that is cleared now need not be when somebody waits for it.
      if ledger[].scrubSome() { Registers.allowInterrupts() } else { Registers.waitForInterrupt() }
    }
  }
}
