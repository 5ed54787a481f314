// SPDX-License-Identifier: Apache-2.0
// A vCPU that waits.
import Machine
import XenABI

extension Ref where T == VCPU {
  /// Stops running until an event comes. If one waits already and is not masked, goes on at once.
  public func block() {
    self[].holds.fetchOr(VCPUHold.blocked)
    // The hold comes first: an event that is raised after this look finds it, and lifts it.
    if self[].info.isPending && !self[].info.isMasked {
      self[].holds.fetchAnd(~VCPUHold.blocked)
      return
    }
    Scheduler.settle(self)
  }

  /// Stops running until a polled port is raised or the timeout has come. `isPolling` was set before the ports were looked at;
  /// who clears it has woken us already.
  public func blockPolling() {
    self[].holds.fetchOr(VCPUHold.blocked)
    if self[].isPolling.load() == 0 {
      self[].holds.fetchAnd(~VCPUHold.blocked)
      return
    }
    Scheduler.settle(self)
  }

  /// Lets a vCPU that polls look again.
  public func wakePolling() {
    if self[].isPolling.exchange(0) != 0 { kick() }
  }
}
