// SPDX-License-Identifier: Apache-2.0
// Ports being bound: to other domains, to interrupts, to vCPUs.
import Frames
import Machine
import XenABI

extension Events {
  /// Makes a port that `remote` may connect to (EVTCHNOP_alloc_unbound). The remote domain need not exist yet.
  ///
  /// - Throws: `noSpace`, `noMemory`; `invalid` if the domain is being destroyed.
  public static func allocateUnbound(_ domain: Ref<Domain>, remote: DomainID) throws(XenError) -> EventPort {
    EventPort(
      try domain[].events.bindings.withLock { bindings throws(XenError) in
        try domain.allocatePort(&bindings, PortRecord(.unbound, domain: remote))
      })
  }

  /// Connects a new port to one of `remote` that waits for this domain (EVTCHNOP_bind_interdomain), and makes its event
  /// pending, as the other end may have sent one before.
  ///
  /// - Throws: `invalid` if the remote port does not wait for this domain, or this domain is being destroyed; `noSpace`,
  ///   `noMemory`.
  public static func connect(
    _ domain: Ref<Domain>, to remote: Ref<Domain>, port: EventPort
  ) throws(XenError) -> EventPort {
    if domain == remote {
      return try domain[].events.bindings.withLock { bindings throws(XenError) in
        try connect(domain, &bindings, to: remote, port: port)
      }
    }
    return try Lock.withBoth(domain, remote, bindings) { mine, _ throws(XenError) in
      try connect(domain, &mine, to: remote, port: port)
    }
  }

  static func connect(
    _ domain: Ref<Domain>, _ bindings: inout EventBindings, to remote: Ref<Domain>, port: EventPort
  ) throws(XenError) -> EventPort {
    let waiting = remote[].events.ports[port.raw]
    guard waiting.state == .unbound, waiting.domain == domain[].id else { throw .invalid }
    let local = try domain.allocatePort(
      &bindings, PortRecord(.interdomain, domain: remote[].id, number: port.raw))
    var connected = waiting
    connected.state = .interdomain
    connected.domain = domain[].id
    connected.number = local
    remote[].events.ports[port.raw] = connected
    domain.deliver(local, domain[].events.ports[local])
    return EventPort(local)
  }

  /// Binds a new port to a virtual interrupt of a vCPU (EVTCHNOP_bind_virq); those of which a domain has one start at
  /// vCPU 0.
  ///
  /// - Throws: `invalid` if there is no such interrupt, or it is not for this vCPU; `noEntry` if there is no such vCPU;
  ///   `exists` if it is bound already; `noSpace`, `noMemory`.
  public static func bindVIRQ(_ domain: Ref<Domain>, virq: UInt32, vcpu: UInt32) throws(XenError) -> EventPort {
    guard virq < VirtualInterrupt.count else { throw .invalid }
    guard VirtualInterrupt.isPerVCPU(virq) || vcpu == 0 else { throw .invalid }
    guard vcpu < 128, let target = domain[].vcpu(index: Int(vcpu)) else { throw .noEntry }
    let port = try domain[].events.bindings.withLock { bindings throws(XenError) in
      guard bindings.port(virq: virq, vcpu: target) == 0 else { throw .exists }
      let port = try domain.allocatePort(&bindings, PortRecord(.virq, vcpu: Int(vcpu), number: virq))
      bindings.setPort(virq: virq, vcpu: target, port)
      return port
    }
    if virq == VirtualInterrupt.timer { target.startTick() }
    return EventPort(port)
  }

  /// Makes a port by which the domain interrupts one of its vCPUs (EVTCHNOP_bind_ipi).
  ///
  /// - Throws: `noEntry` if there is no such vCPU; `noSpace`, `noMemory`.
  public static func bindIPI(_ domain: Ref<Domain>, vcpu: UInt32) throws(XenError) -> EventPort {
    guard vcpu < 128, domain[].vcpu(index: Int(vcpu)) != nil else { throw .noEntry }
    return EventPort(
      try domain[].events.bindings.withLock { bindings throws(XenError) in
        try domain.allocatePort(&bindings, PortRecord(.ipi, vcpu: Int(vcpu)))
      })
  }

  /// Binds a new port to a physical interrupt (EVTCHNOP_bind_pirq), which then begins to come.
  ///
  /// - Throws: `notPermitted` if the domain may not use hardware; `invalid` if there is no such interrupt; `exists` if it
  ///   is bound already; `noSpace`, `noMemory`; what `InterruptRouting.bindGuest` throws.
  public static func bindPIRQ(_ domain: Ref<Domain>, pirq: UInt32, willShare: Bool) throws(XenError) -> EventPort {
    guard pirq < EventChannels.pirqLimit else { throw .invalid }
    guard domain.mayBind(interrupt: pirq) else { throw .notPermitted }
    return EventPort(
      try domain[].events.bindings.withLock { bindings throws(XenError) in
        guard !bindings.isClosed else { throw .invalid }
        guard bindings.port(pirq: pirq) == 0 else { throw .exists }
        if bindings.pirqPorts == nil {
          guard let frame = ledger[].allocateOwn() else { throw .noMemory }
          bindings.pirqPorts = frame
        }
        let port = try domain.allocatePort(&bindings, PortRecord(.pirq, number: pirq))
        // The interrupt can come at once: it waits for this lock, and then finds its port.
        do throws(XenError) {
          try InterruptRouting.bindGuest(pirq, domain, willShare: willShare)
        } catch {
          domain.freePort(&bindings, port)
          throw error
        }
        bindings.setPort(pirq: pirq, port)
        return port
      })
  }

  /// Has a port's events notify another vCPU (EVTCHNOP_bind_vcpu).
  ///
  /// - Throws: `noEntry` if there is no such vCPU; `invalid` if there is no such port or its vCPU is fixed (interrupts
  ///   between vCPUs, and virtual interrupts that each vCPU has).
  public static func bindVCPU(_ domain: Ref<Domain>, port: EventPort, vcpu: UInt32) throws(XenError) {
    guard vcpu < 128, domain[].vcpu(index: Int(vcpu)) != nil else { throw .noEntry }
    try domain[].events.bindings.withLock { _ throws(XenError) in
      var record = domain[].events.ports[port.raw]
      switch record.state {
      case .unbound, .interdomain: break
      case .pirq: InterruptRouting.setVCPU(record.number, domain, Int(vcpu))
      case .virq: guard !VirtualInterrupt.isPerVCPU(record.number) else { throw .invalid }
      case .free, .reserved, .ipi: throw .invalid
      }
      record.vcpu = Int(vcpu)
      domain[].events.ports[port.raw] = record
    }
  }

  /// Sets the highest port number that the domain may have from now on; ports above it that it has stay.
  public static func setLimit(_ domain: Ref<Domain>, maximumPort: UInt32) {
    domain[].events.bindings.withLock {
      $0.maximumPort = min(maximumPort, EventChannels.fifoPorts &- 1)
    }
  }
}

extension Events {
  /// The lock of a domain's bindings, to be taken together with that of another domain.
  static func bindings(_ domain: Ref<Domain>) -> Ref<Lock<EventBindings>> {
    domain.field { .to(&$0.events.bindings) }
  }
}
