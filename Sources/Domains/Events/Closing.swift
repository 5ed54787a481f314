// SPDX-License-Identifier: Apache-2.0
// Ports being closed: one by one by their guest, or all of them when the guest resets them or ends.
import Frames
import Machine
import XenABI

extension Events {
  /// Closes a port (EVTCHNOP_close). One at the other end waits for a new connection by this domain.
  ///
  /// - Throws: `invalid` if the port is not in use; `again` if others keep changing it meanwhile.
  public static func close(_ domain: Ref<Domain>, port: EventPort) throws(XenError) {
    // The record says which locks to take, and can change until they are taken.
    for _ in 0..<64 {
      let seen = domain.eventRecord(port.raw)
      guard seen.state != .free, seen.state != .reserved else { throw .invalid }
      if close(domain, port.raw, seen) { return }
    }
    throw .again
  }

  /// Closes a port if its record is still `seen`; gives whether it was.
  static func close(_ domain: Ref<Domain>, _ port: UInt32, _ seen: PortRecord) -> Bool {
    if seen.state == .interdomain, seen.domain != domain[].id, let peer = Hypervisor.domain(seen.domain) {
      return Lock.withBoth(domain, peer, bindings) { mine, _ in
        guard domain[].events.ports[port] == seen else { return false }
        disconnect(peer, seen.number)
        domain.freePort(&mine, port)
        return true
      }
    }
    return domain[].events.bindings.withLock { bindings in
      guard domain[].events.ports[port] == seen else { return false }
      switch seen.state {
      case .interdomain: disconnect(domain, seen.number)
      case .virq:
        // The record is of a vCPU that exists: vCPUs stay until after the last port.
        if let vcpu = domain[].vcpu(index: seen.vcpu) { bindings.setPort(virq: seen.number, vcpu: vcpu, 0) }
      case .pirq:
        bindings.setPort(pirq: seen.number, 0)
        InterruptRouting.unbindGuest(seen.number, domain)
      case .free, .reserved, .unbound, .ipi: break
      }
      domain.freePort(&bindings, port)
      return true
    }
  }

  /// Has the end that is left of a connection wait for another one, by the same domain. Under the locks of both.
  static func disconnect(_ peer: Ref<Domain>, _ port: UInt32) {
    var record = peer[].events.ports[port]
    guard record.state == .interdomain else { return }
    record.state = .unbound
    record.number = 0
    peer[].events.ports[port] = record
  }

  /// Closes ports from `next` on, but no more than `count` of them. Gives true when there are no more; otherwise `next` says
  /// where to go on.
  public static func closeAll(_ domain: Ref<Domain>, next: inout UInt32, count: Int) -> Bool {
    var left = count
    // Everyone who connects, closes or binds here meanwhile changes a record; the budget covers the repetitions as well.
    while left > 0 {
      guard next < portCount(domain) else { return true }
      left &-= 1
      let seen = domain.eventRecord(next)
      if seen.state == .free || seen.state == .reserved || close(domain, next, seen) { next &+= 1 }
    }
    return false
  }

  /// Begins the end of a domain's event channels: no new ports from now on. `closeAll` from zero on does the rest, then
  /// `destroy`.
  public static func beginDestruction(_ domain: Ref<Domain>) {
    domain[].events.bindings.withLock { $0.isClosed = true }
  }

  /// Ends FIFO delivery: gives up the frames of the guest's that it uses. After `closeAll`.
  static func endQueues(_ domain: Ref<Domain>) { domain[].events.bindings.withLock { endQueues(domain, &$0) } }

  /// Gives back the memory of a domain's event channels. After `closeAll`, when none of its vCPUs can run any more and
  /// nobody can find the domain (R1); its record must get new `EventChannels` before it is used again.
  public static func destroy(_ domain: Ref<Domain>) {
    domain[].events.bindings.withLock { bindings in
      precondition(bindings.isClosed)
      endQueues(domain, &bindings)
      if let frame = bindings.pirqPorts { ledger[].freeOwn(frame) }
      bindings.pirqPorts = nil
    }
    domain[].events.discard()
  }

  /// What is left of a reset (EVTCHNOP_reset) once all ports are closed: a domain that resets itself is back at two-level
  /// delivery.
  public static func finishReset(_ domain: Ref<Domain>) {
    domain[].events.bindings.withLock { endQueues(domain, &$0) }
  }
}
