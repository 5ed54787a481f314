// SPDX-License-Identifier: Apache-2.0
// A CPU changes the vCPU whose state it has. The order is rule H2 (Quiescence.swift): the old one's state is saved, others' page
// tables and descriptors are loaded, and only then may the old one be chosen elsewhere.
import Frames
import Machine
import Scheduling
import XenABI

extension Scheduler {
  /// Puts a vCPU's state into the hardware, in place of what is there.
  static func switchTo(_ vcpu: Ref<VCPU>, _ cpu: Ref<PhysicalCPU>, _ frame: Ref<TrapFrame>) {
    let old = cpu[].vcpu
    old?.save(cpu, frame)
    vcpu.showTables(cpu)
    if let old { letGo(old, cpu) }
    vcpu.load(cpu, frame)
  }

  /// Takes the state of whoever's it is out of the hardware. The hypervisor's own tables take the place of theirs.
  static func vacate(_ cpu: Ref<PhysicalCPU>, _ frame: Ref<TrapFrame>) {
    guard let old = cpu[].vcpu else { return }
    old.save(cpu, frame)
    cpu.forgetTables()
    letGo(old, cpu)
  }

  /// From here on a vCPU whose state this CPU had may run elsewhere, be set up, or destroyed.
  private static func letGo(_ old: Ref<VCPU>, _ cpu: Ref<PhysicalCPU>) {
    assert(cpu[].vcpu != old && cpu.usesHeldTable, "H2: a vCPU is let go whose tables are in use")
    old[].isRunning.store(0)
    old[].isLoaded.store(0)
    let waits = cpu[].queue.withLock { queue in
      queue.completeSwitch()
      return queue.runnableCount > 1 && old[].home.load() == UInt64(cpu[].number) && old[].entity.isQueued
    }
    // Last: a domain is at rest when no CPU is in the set (rule H1).
    let (domain, next) = (old[].domain[].id, cpu[].vcpu)
    if next == nil || next?[].domain[].id != domain { ledger[].accounts.stopTranslating(domain, cpu: cpu[].number) }
    // Idle CPUs that have looked before could not take it yet.
    if waits { callIdleCPU(for: old, besides: cpu[].number) }
  }
}
