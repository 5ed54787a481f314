// SPDX-License-Identifier: Apache-2.0
// Event channels, for those who want to know: EVTCHNOP_status, and the person at the console.
import Machine
import XenABI

extension Events {
  /// The record of a port (EVTCHNOP_status).
  ///
  /// - Throws: `invalid` if there is no such port.
  public static func status(_ domain: Ref<Domain>, port: EventPort) throws(XenError) -> PortRecord {
    try domain[].events.bindings.withLock { _ throws(XenError) in
      guard Int(truncatingIfNeeded: port.raw) < domain[].events.ports.count else { throw .invalid }
      return domain[].events.ports[port.raw]
    }
  }

  /// How many ports have records: `describe` has something to say only of those below.
  public static func portCount(_ domain: Ref<Domain>) -> UInt32 {
    domain[].events.bindings.withLock { _ in UInt32(truncatingIfNeeded: domain[].events.ports.count) }
  }

  /// Appends one port in words, for the debug key `e`: number, pending, masked, vCPU, what it is bound to. False, and
  /// nothing appended, if the port is not in use.
  public static func describe(_ domain: Ref<Domain>, port: EventPort, into line: inout TextLine) -> Bool {
    let record = domain.eventRecord(port.raw)
    guard record.state != .free, record.state != .reserved else { return false }
    line.put(decimal: UInt64(port.raw), width: 6)
    line.put(domain.isPending(port.raw) ? " pending" : "        ")
    line.put(domain.isMasked(port.raw) ? " masked" : "       ")
    line.put(" vcpu ")
    line.put(decimal: UInt64(record.vcpu))
    if domain[].events.isFIFO {
      line.put(" priority ")
      line.put(decimal: UInt64(record.priority))
    }
    switch record.state {
    case .unbound:
      line.put(" waits for domain ")
      line.put(decimal: UInt64(record.domain.raw))
    case .interdomain:
      line.put(" domain ")
      line.put(decimal: UInt64(record.domain.raw))
      line.put(" port ")
      line.put(decimal: UInt64(record.number))
    case .pirq:
      line.put(" physical interrupt ")
      line.put(decimal: UInt64(record.number))
    case .virq:
      line.put(" virtual interrupt ")
      line.put(decimal: UInt64(record.number))
    case .ipi: line.put(" between vCPUs")
    case .free, .reserved: break
    }
    return true
  }
}

extension Ref where T == Domain {
  /// The record of a port at this moment, for those who do not hold the lock; that of a free one where there is none.
  func eventRecord(_ port: UInt32) -> PortRecord {
    self[].events.bindings.withLock { _ in self[].events.ports[port] }
  }
}
