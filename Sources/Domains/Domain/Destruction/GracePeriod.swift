// SPDX-License-Identifier: Apache-2.0
// Grace periods: how it is known that nobody still uses what can be found no longer.
//
// A `Ref` is found (in the table of domains, in a queue) and then used without a lock on the record's existence. That is right
// because of named rule R1:
//
//   R1  A CPU keeps a Ref to a domain's or vCPU's record, and acts on what it has read of one, only until its next *pause*: when
//       it passes the hypervisor's exit to a guest with `CPUWork.grace` set, or its idle loop does. What it keeps for longer are
//       numbers (DomainID, EntityIndex, EventPort), and `PhysicalCPU.vcpu`, which nobody's end leaves standing.
//
// A grace period is over when every CPU has paused since it began. So
//
//   - what was taken out of all tables before it began is used by nobody after it: records can be used again;
//   - an operation that had looked at a flag before it began has ended: a domain that is marked as dying gets nothing more.
//
// Nothing is paid on the way to a guest while no grace period is wanted: the CPUs are asked for a pause by a bit of work and an
// interrupt. A preempted hypercall goes through the guest, so it is no exception.
import Machine

/// Grace periods.
public enum GracePeriod {
  /// Begins one. It may be over at any time from now on, but not before every CPU has paused, the calling one too.
  static func begin() -> UInt64 {
    let hypervisor = Ref<Hypervisor>.shared
    let period = hypervisor[].gracePeriods.fetchAdd(1) &+ 1
    for number in 0..<CPUs.started where CPUs.isOnline(number) {
      guard let cpu = hypervisor[].cpus[number] else { continue }
      cpu[].work.fetchOr(CPUWork.grace)
      if number != CPUs.current { LocalAPIC.send(.wake, to: number) }
    }
    return period
  }

  /// Whether every CPU has paused since the period began.
  static func isOver(_ period: UInt64) -> Bool {
    for number in 0..<CPUs.started where CPUs.isOnline(number) {
      guard let cpu = Ref<Hypervisor>.shared[].cpus[number] else { continue }
      if cpu[].lastPause.load() < period { return false }
    }
    return true
  }

  /// This CPU pauses: whatever it has found before, it has forgotten. Somebody's end may have waited for that. Only the exit to a guest and the idle loop may say so.
  public static func pause(_ cpu: Ref<PhysicalCPU>) {
    assert(LockOrder.isClear, "R1: a CPU pauses with a lock held")
    assert(cpu[].number == CPUs.current, "R1: a CPU pauses for another one")
    cpu[].lastPause.store(Ref<Hypervisor>.shared[].gracePeriods.load())
    Reaper.noteDidPause()
  }
}
