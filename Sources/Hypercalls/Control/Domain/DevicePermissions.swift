// SPDX-License-Identifier: Apache-2.0
// A domain's rights to devices: frames of device memory, I/O ports, interrupts. Nobody can give what they do not have. A right
// that is taken away ends no mapping or binding that exists; it keeps new ones from being made.
import CXenABI
import Domains
import Frames
import Machine
import XenABI

/// XEN_DOMCTL_iomem_permission: lets the domain map device frames, or does not any more.
///
/// - Throws: `fault`; `invalid` for no frames or numbers that no frame can have; `notPermitted` for what the caller may not map
///   itself; `noMemory` if the domain has too many separate ranges.
func setDeviceMemoryPermission(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let wire = try GuestMemory.fetch(request.body, initial: xen_domctl_iomem_permission())
  let first = wire.first_mfn
  let (end, isWrapped) = first.addingReportingOverflow(wire.nr_mfns)
  guard wire.nr_mfns > 0, !isWrapped, end <= 1 &<< UInt64(CPUFeatures.current.physicalBits &- 12) else {
    throw .invalid
  }
  guard call.domain[].mayUseHardware, !ledger[].forbiddenDevices.touches(first, through: end &- 1) else {
    throw .notPermitted
  }
  let isDone = request.domain[].pageTables.withLock { session in
    wire.allow_access != 0
      ? session.work.deviceFrames.insert(first, through: end &- 1)
      : session.work.deviceFrames.remove(first, through: end &- 1)
  }
  guard isDone else { throw .noMemory }
  return .success
}

/// XEN_DOMCTL_ioport_permission: lets the domain use I/O ports, or does not any more.
///
/// - Throws: `fault`; `invalid` for no ports or ports beyond 65535; `notPermitted` for what the caller may not use itself;
///   `noMemory` if the domain has too many separate ranges.
func setPortPermission(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let wire = try GuestMemory.fetch(request.body, initial: xen_domctl_ioport_permission())
  guard wire.nr_ports > 0, wire.nr_ports <= 0x1_0000, wire.first_port <= 0x1_0000 &- wire.nr_ports else {
    throw .invalid
  }
  let last = wire.first_port &+ wire.nr_ports &- 1
  // An access to PCI configuration is two steps, which only we can make one.
  guard wire.first_port > 0xcff || last < 0xcf8 else { throw .notPermitted }
  guard call.domain[].mayUseHardware, PortEmulation.isPermitted(call.domain, wire.first_port, through: last) else {
    throw .notPermitted
  }
  let isDone = request.domain[].deviceRights.withLock { rights in
    wire.allow_access != 0
      ? rights.ports.insert(UInt64(wire.first_port), through: UInt64(last))
      : rights.ports.remove(UInt64(wire.first_port), through: UInt64(last))
  }
  guard isDone else { throw .noMemory }
  return .success
}

/// XEN_DOMCTL_irq_permission: lets the domain bind a physical interrupt, or does not any more.
///
/// - Throws: `fault`; `invalid` for a number that no interrupt has; `notPermitted` if the caller may not bind it itself;
///   `noMemory` if the domain has too many separate ranges.
func setInterruptPermission(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let wire = try GuestMemory.fetch(request.body, initial: xen_domctl_irq_permission())
  guard wire.pirq < EventChannels.pirqLimit else { throw .invalid }
  guard call.domain[].mayUseHardware else { throw .notPermitted }
  let isDone = request.domain[].deviceRights.withLock { rights in
    wire.allow_access != 0
      ? rights.interrupts.insert(UInt64(wire.pirq), through: UInt64(wire.pirq))
      : rights.interrupts.remove(UInt64(wire.pirq), through: UInt64(wire.pirq))
  }
  guard isDone else { throw .noMemory }
  return .success
}
