// SPDX-License-Identifier: Apache-2.0
// The sub-operations that make ports and give their numbers back. A caller that cannot be told the number does not keep the
// port.
import CXenABI
import Domains
import Machine
import XenABI

/// Writes a new port's number to the caller; closes it again if that fails.
///
/// - Throws: `fault`.
private func giveBack(
  _ port: EventPort, of domain: Ref<Domain>, to address: LinearAddress, offset: UInt64
) throws(XenError) {
  do throws(XenError) {
    try GuestMemory.put(address + offset, port.raw)
  } catch {
    try? Events.close(domain, port: port)
    throw error
  }
}

/// EVTCHNOP_alloc_unbound.
///
/// - Throws: `fault`; `notPermitted` for another domain's port by one without privilege; `noSuchDomain`; `noSpace`,
///   `noMemory`.
func allocateUnbound(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: evtchn_alloc_unbound())
  let target = try call.target(request.dom)
  let remote = DomainID(request.remote_dom) == .current ? call.domain[].id : DomainID(request.remote_dom)
  let port = try Events.allocateUnbound(target, remote: remote)
  try giveBack(port, of: target, to: at, offset: EventChannelResult.allocateUnboundPort)
}

/// EVTCHNOP_bind_interdomain. No privilege is needed: the other domain has said who may connect.
///
/// - Throws: `fault`; `noSuchDomain`; `invalid` if the remote port does not wait for the caller; `noSpace`, `noMemory`.
func bindInterdomain(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: evtchn_bind_interdomain())
  let remote: Ref<Domain>
  if DomainID(request.remote_dom) == .current {
    remote = call.domain
  } else {
    guard let other = Hypervisor.domain(DomainID(request.remote_dom)) else { throw .noSuchDomain }
    remote = other
  }
  let port = try Events.connect(call.domain, to: remote, port: EventPort(request.remote_port))
  try giveBack(port, of: call.domain, to: at, offset: EventChannelResult.bindInterdomainPort)
}

/// EVTCHNOP_bind_virq.
///
/// - Throws: `fault`; `invalid` if there is no such interrupt, or it is not for this vCPU; `noEntry` without that vCPU;
///   `exists` if bound already; `noSpace`, `noMemory`.
func bindVIRQ(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: evtchn_bind_virq())
  let port = try Events.bindVIRQ(call.domain, virq: request.virq, vcpu: request.vcpu)
  try giveBack(port, of: call.domain, to: at, offset: EventChannelResult.bindVIRQPort)
}

/// EVTCHNOP_bind_pirq.
///
/// - Throws: `fault`; `notPermitted` for a domain that may not use hardware; `invalid` without that interrupt; `exists` if
///   bound already; `busy` if it goes to another domain; `noSpace`, `noMemory`.
func bindPIRQ(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: evtchn_bind_pirq())
  let port = try Events.bindPIRQ(
    call.domain, pirq: request.pirq, willShare: request.flags & bindPIRQWillShare != 0)
  try giveBack(port, of: call.domain, to: at, offset: EventChannelResult.bindPIRQPort)
}

/// EVTCHNOP_bind_ipi.
///
/// - Throws: `fault`; `noEntry` without that vCPU; `noSpace`, `noMemory`.
func bindIPI(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: evtchn_bind_ipi())
  let port = try Events.bindIPI(call.domain, vcpu: request.vcpu)
  try giveBack(port, of: call.domain, to: at, offset: EventChannelResult.bindIPIPort)
}
