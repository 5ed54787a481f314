// SPDX-License-Identifier: Apache-2.0
// Sending events: what the rest of the hypervisor and the hypercalls do with channels that are bound.
import Machine
import XenABI

/// Event channels, as everything outside this folder sees them. No function may be called with a lock held of rank `events`
/// or above it (run queues and timers included).
public enum Events {
  /// Sends an event to the other end of a port (EVTCHNOP_send). One to a port that nobody has connected to is lost, silently.
  ///
  /// - Throws: `invalid` if the port is not one to send on.
  @inline(__always)
  public static func send(_ domain: Ref<Domain>, port: EventPort) throws(XenError) {
    try domain[].events.bindings.withLock { _ throws(XenError) in
      let record = domain[].events.ports[port.raw]
      switch record.state {
      case .interdomain:
        // Connected ends change under both locks, of which this one is held: the other end is as the record says.
        let remote: Ref<Domain>
        if record.domain == domain[].id {
          remote = domain
        } else if let other = Hypervisor.domain(record.domain) {
          remote = other
        } else {
          return
        }
        remote.deliver(record.number, remote[].events.ports[record.number])
      case .ipi: domain.deliver(port.raw, record)
      case .unbound: break
      case .free, .reserved, .pirq, .virq: throw .invalid
      }
    }
  }

  /// Raises a virtual interrupt that each vCPU has (VIRQ_*, xen/xen.h); nothing happens if the guest has not bound it.
  public static func raise(virq: UInt32, vcpu: Ref<VCPU>) {
    guard virq < VirtualInterrupt.count else { return }
    let domain = vcpu[].domain
    domain[].events.bindings.withLock { bindings in
      let port = bindings.port(virq: virq, vcpu: vcpu)
      if port != 0 { domain.deliver(port, domain[].events.ports[port]) }
    }
  }

  /// Raises a virtual interrupt of which the domain has one; nothing happens if the guest has not bound it.
  public static func raiseGlobal(virq: UInt32, domain: Ref<Domain>) {
    guard virq < VirtualInterrupt.count else { return }
    domain[].events.bindings.withLock { bindings in
      let port = bindings.port(global: virq)
      if port != 0 { domain.deliver(port, domain[].events.ports[port]) }
    }
  }

  /// Raises a physical interrupt by the domain's own number for it. Gives whether the guest has bound it.
  @discardableResult
  public static func raise(pirq: UInt32, domain: Ref<Domain>) -> Bool {
    domain[].events.bindings.withLock { bindings in
      let port = bindings.port(pirq: pirq)
      if port == 0 { return false }
      domain.deliver(port, domain[].events.ports[port])
      return true
    }
  }

  /// Whether the event of the port that a physical interrupt is bound to is masked or still pending: the guest will not
  /// say that it is done with the interrupt, or has not yet. False if it is bound to none.
  public static func isHeldBack(pirq: UInt32, domain: Ref<Domain>) -> Bool {
    domain[].events.bindings.withLock { bindings in
      let port = bindings.port(pirq: pirq)
      return port != 0 && (domain.isMasked(port) || domain.isPending(port))
    }
  }

  /// Raises the event of one of the domain's own ports, as the other end would: for channels whose other end is the
  /// hypervisor.
  ///
  /// - Throws: `invalid` if the port is not in use.
  public static func raise(port: EventPort, domain: Ref<Domain>) throws(XenError) {
    try domain[].events.bindings.withLock { _ throws(XenError) in
      let record = domain[].events.ports[port.raw]
      guard record.state != .free, record.state != .reserved else { throw .invalid }
      domain.deliver(port.raw, record)
    }
  }

  /// Takes away a port's mask and tells its vCPU if an event is pending (EVTCHNOP_unmask).
  ///
  /// - Throws: `invalid` if there is no such port.
  public static func unmask(_ domain: Ref<Domain>, port: EventPort) throws(XenError) {
    try domain[].events.bindings.withLock { _ throws(XenError) in
      guard Int(truncatingIfNeeded: port.raw) < domain[].events.ports.count else { throw .invalid }
      domain.unmask(port.raw, domain[].events.ports[port.raw])
    }
  }

  /// Sets the priority of a port's events, from 0 (highest) to 15, from the next one on (EVTCHNOP_set_priority).
  ///
  /// - Throws: `notImplemented` without FIFO delivery; `invalid` if there is no such port or priority.
  public static func setPriority(_ domain: Ref<Domain>, port: EventPort, _ priority: UInt32) throws(XenError) {
    try domain[].events.bindings.withLock { _ throws(XenError) in
      var record = domain[].events.ports[port.raw]
      guard record.state != .free, record.state != .reserved else { throw .invalid }
      guard domain[].events.isFIFO else { throw .notImplemented }
      guard priority <= 15 else { throw .invalid }
      record.priority = Int(priority)
      domain[].events.ports[port.raw] = record
    }
  }
}
