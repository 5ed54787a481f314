// SPDX-License-Identifier: Apache-2.0
// A vCPU that waits.
import Machine
import XenABI

extension Ref where T == VCPU {
  /// Stops running until an event comes. If one waits already and is not masked, goes on at once.
  public func block() {
    self[].holds.fetchOr(VCPUHold.blocked)
    // The hold comes first: what is made pending after this look finds it, and lifts it.
    if isWanted {
      self[].holds.fetchAnd(~VCPUHold.blocked)
      return
    }
    Scheduler.settle(self)
  }

  /// Whether something waits that its guest is told of at once: an upcall that is not masked, or an NMI.
  public var isWanted: Bool {
    if self[].info.isPending && !self[].info.isMasked { return true }
    return self[].pending.load() & (VCPUPending.nmi | VCPUPending.nmiActive) == VCPUPending.nmi && nmiHandler != 0
  }

  /// Where its guest takes NMIs; zero for nowhere. Linux has its handler in the trap table, like any other exception's; others
  /// register it by name.
  var nmiHandler: UInt64 {
    let registered = self[].callbacks.nmi
    return registered != 0 ? registered : trapEntry(2).address
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
