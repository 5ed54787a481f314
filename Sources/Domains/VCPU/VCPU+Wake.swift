// SPDX-License-Identifier: Apache-2.0
// Getting a vCPU's attention, from any CPU.
import Machine
import XenABI

extension Ref where T == VCPU {
  /// Has the vCPU notice that an upcall or an NMI waits: a blocked one is woken, a running one is made to pass the
  /// hypervisor's exit, where events are delivered.
  public func kick() {
    if self[].holds.fetchAnd(~VCPUHold.blocked) & VCPUHold.blocked != 0 {
      Scheduler.settle(self)
    } else if self[].isRunning.load() != 0 {
      let cpu = Int(self[].cpu.load())
      if cpu != CPUs.current { LocalAPIC.send(.wake, to: cpu) }
    }
  }

  /// Marks an upcall as pending and kicks the vCPU if none was and events are not masked (a masked guest looks by itself when
  /// it unmasks). A blocked vCPU wakes in any case.
  public func notifyEvent() {
    let place = self[].info
    if place.setPending() { return }
    kick()
  }
}
