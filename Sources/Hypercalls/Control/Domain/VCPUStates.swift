// SPDX-License-Identifier: Apache-2.0
// vCPUs' states, in and out.
import CXenABI
import Domains
import Machine
import XenABI

/// VGCF_online: the vCPU is up.
private let isOnline: UInt64 = 32

/// XEN_DOMCTL_setvcpucontext: gives a vCPU its first state, or, while it is kept from running for a moment, another one with the
/// tables that it has.
///
/// - Throws: `fault`; `invalid` for oneself, and for tables, descriptors or addresses that the vCPU cannot have;
///   `noSuchDomain` for a vCPU that does not exist; `notSupported` for other tables than those of a vCPU that has a state
///   already.
func setVCPUContext(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let wanted = try GuestMemory.fetch(request.body, initial: martlet_vcpucontext())
  let domain = request.domain
  guard domain != call.domain else { throw .invalid }
  let vcpu = try request.vcpu(wanted.vcpu)
  guard !domain[].life.withLock({ $0.isDying }) else { throw .noSuchDomain }
  let source = LinearAddress(wanted.ctxt)
  let wasInitialised = vcpu[].isInitialised
  let loaded: (flags: UInt64, assists: UInt64)? = try vcpu.inspected { () throws(XenError) in
    try GuestContext.load(vcpu, from: source)
  }
  guard let loaded else { return .again }
  if vcpu[].id.raw == 0 && !wasInitialised {
    domain[].assists.store(loaded.assists & VMAssist.known)
    // The builder has cleared the shared page, the time of day with it, before it gives the first vCPU its state.
    WallClock.publish(domain)
  }
  if loaded.flags & isOnline != 0, vcpu[].holds.fetchAnd(~VCPUHold.down) & VCPUHold.down != 0 { Scheduler.settle(vcpu) }
  return .success
}

/// XEN_DOMCTL_getvcpucontext: a vCPU's state, while it is kept from running for a moment.
///
/// - Throws: `fault`; `invalid` for oneself; `noSuchDomain` for a vCPU that does not exist; `noData` for one that has no state
///   yet.
func vcpuContext(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let wanted = try GuestMemory.fetch(request.body, initial: martlet_vcpucontext())
  guard request.domain != call.domain else { throw .invalid }
  let vcpu = try request.vcpu(wanted.vcpu)
  guard vcpu[].isInitialised else { throw .noData }
  // The copy may fault, as any does: whatever is written by then is written.
  let done: Bool? = try vcpu.inspected { () throws(XenError) in
    try GuestContext.store(vcpu, to: LinearAddress(wanted.ctxt))
    return true
  }
  return done == nil ? .again : .success
}
