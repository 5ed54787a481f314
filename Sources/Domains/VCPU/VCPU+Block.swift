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

  /// Gets ready to wait for a port, or (nil) for any of several: from here on an event of theirs wakes the vCPU. The order is
  /// that of Events/Polling.swift: the hold first.
  public func beginPolling(_ port: EventPort?) {
    self[].holds.fetchOr(VCPUHold.blocked)
    Events.startPolling(self, port: port)
  }

  /// Does not wait after all, or has waited long enough.
  public func endPolling() {
    Events.stopPolling(self)
    kick()
  }
}
