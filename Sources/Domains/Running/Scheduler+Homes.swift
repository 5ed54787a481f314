// SPDX-License-Identifier: Apache-2.0
// In which run queue a vCPU is, and how it gets from one to another (rule H3, see Quiescence.swift).
//
// `VCPU.home` names the queue, or none. It changes only under the lock of the queue that it names before or after, so a CPU that
// holds that lock and finds itself named has the vCPU in its hands. Moves go through "none": no two queues' locks are ever held
// at once. While it has no home, the vCPU's entity belongs to whoever moves it.
//
// A hold that is set or lifted in between is seen by the mover, by a handshake: whoever changes the holds does so by a locked
// operation and looks at the home then; the mover publishes the home and looks at the holds then. One of the two sees the
// other. The mover looks under the lock of the new queue: nobody can have chosen a vCPU there that is held.
import Machine
import Scheduling
import XenABI

extension Scheduler {
  /// The CPU in whose queue a vCPU is at this moment, if it is in one.
  @inline(__always)
  static func home(of vcpu: Ref<VCPU>) -> Ref<PhysicalCPU>? {
    let home = vcpu[].home.load()
    return home == VCPU.nowhere ? nil : Ref<Hypervisor>.shared[].cpus[Int(truncatingIfNeeded: home)]
  }

  /// Runs `body` with the queue of a vCPU's home, under its lock. Nil if it has none just now.
  static func withHome<R>(of vcpu: Ref<VCPU>, _ body: (inout RunQueue, Ref<PhysicalCPU>) -> R) -> R? {
    while let cpu = home(of: vcpu) {
      let result: R? = cpu[].queue.withLock { queue in
        vcpu[].home.load() == UInt64(cpu[].number) ? body(&queue, cpu) : nil
      }
      if let result { return result }
    }
    return nil
  }

  /// Takes a vCPU out of a queue, under its lock. False if it cannot be taken out now: it is current there, or has been until
  /// just now and is not let go yet.
  static func take(_ vcpu: Ref<VCPU>, outOf queue: inout RunQueue, now: UInt64) -> Bool {
    var store = VCPUStore()
    guard vcpu[].home.load() == UInt64(queue.cpu), queue.withdraw(vcpu[].index, in: &store, now: now) else {
      return false
    }
    vcpu[].home.store(VCPU.nowhere)
    return true
  }

  /// Puts a vCPU that has no home into the queue of a CPU, as its holds want it.
  static func admit(_ vcpu: Ref<VCPU>, to cpu: Ref<PhysicalCPU>) {
    let now = Hypervisor.now
    let (outcome, isCrowded) = cpu[].queue.withLock { queue in
      var store = VCPUStore()
      vcpu[].cpu.store(UInt64(cpu[].number))
      let admitted = queue.admit(vcpu[].index, in: &store, now: now)
      let aligned = vcpu[].home.publish(UInt64(cpu[].number)) { align(&queue, vcpu, now: now) }
      return (aligned == .none ? admitted : aligned, queue.runnableCount > 1)
    }
    heed(outcome, of: cpu)
    if isCrowded { callIdleCPU(for: vcpu, besides: cpu[].number) }
  }

  /// Brings a queue in line with the holds of a vCPU whose home it is, under its lock.
  static func align(_ queue: inout RunQueue, _ vcpu: Ref<VCPU>, now: UInt64) -> WakeOutcome {
    var store = VCPUStore()
    let holds = vcpu[].holds.load()
    if holds == 0 { return queue.wake(vcpu[].index, in: &store, now: now) }
    let reason: SleepReason = holds & ~VCPUHold.blocked == 0 ? .blocked : .offline
    return queue.sleep(vcpu[].index, as: reason, in: &store, now: now) ? .reschedule : .none
  }

  /// Does what a change in a CPU's queue wants of that CPU.
  static func heed(_ outcome: WakeOutcome, of cpu: Ref<PhysicalCPU>) {
    switch outcome {
    case .none: break
    case .rearm(let time):
      if cpu[].number == CPUs.current {
        cpu[].sliceEnd = time
        Timers.program(cpu)
      } else {
        demandDecision(cpu)
      }
    case .reschedule: demandDecision(cpu)
    }
  }
}
