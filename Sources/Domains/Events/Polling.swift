// SPDX-License-Identifier: Apache-2.0
// vCPUs that wait for particular ports (SCHEDOP_poll, xen/sched.h), whether these are masked or not.
//
// The order makes sure that no event is missed: the vCPU first sets its `blocked` hold, then calls `startPolling`, then looks
// at its ports with `isPending`; only if none is pending does it stay blocked. Whoever raises an event sets the pending bit
// first and looks for pollers then.
import Machine
import XenABI

extension Events {
  /// The value of `VCPU.isPolling` for more than one port; for a single one it is the port's number plus one.
  static let pollsSeveral: UInt64 = UInt64.max

  /// Notes that a vCPU waits for an event of `port`, or of one of several if nil. After its `blocked` hold was set.
  public static func startPolling(_ vcpu: Ref<VCPU>, port: EventPort?) {
    vcpu[].isPolling.store(port.map { UInt64($0.raw) &+ 1 } ?? pollsSeveral)
    // A locked operation: whoever raises an event after it sees the vCPU, and this one sees the events raised before.
    vcpu[].domain[].events.pollers.insert(Int(vcpu[].id.raw))
  }

  /// Notes that a vCPU waits no longer: because one of its ports is pending, its time is up, or it was woken otherwise.
  public static func stopPolling(_ vcpu: Ref<VCPU>) {
    vcpu[].domain[].events.pollers.remove(Int(vcpu[].id.raw))
    vcpu[].isPolling.store(0)
  }

  /// Whether a port's event is pending.
  ///
  /// - Throws: `invalid` if there is no such port.
  public static func isPending(_ domain: Ref<Domain>, port: EventPort) throws(XenError) -> Bool {
    try domain[].events.bindings.withLock { _ throws(XenError) in
      guard Int(truncatingIfNeeded: port.raw) < domain[].events.ports.count else { throw .invalid }
      return domain.isPending(port.raw)
    }
  }
}

extension Ref where T == Domain {
  /// Wakes the vCPUs that poll a port.
  @inline(never)
  func wakePollers(of port: UInt32) {
    var waiting = self[].events.pollers.load()
    while let index = waiting.first {
      waiting.remove(index)
      guard let vcpu = self[].vcpu(index: index) else { continue }
      let what = vcpu[].isPolling.load()
      if what == Events.pollsSeveral || what == UInt64(port) &+ 1 {
        Events.stopPolling(vcpu)
        vcpu.kick()
      }
    }
  }
}
