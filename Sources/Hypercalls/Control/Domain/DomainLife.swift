// SPDX-License-Identifier: Apache-2.0
// Pausing and resuming domains.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_pausedomain: one more reason not to run. When it returns, none of the domain's vCPUs runs.
///
/// - Throws: `invalid` for oneself; `tooBig` for more reasons than are counted; `restart` when not all are at rest in time.
func pauseDomain(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  guard request.domain != call.domain else { throw .invalid }
  try request.domain.pause()
  return .success
}

/// XEN_DOMCTL_unpausedomain: one reason less.
///
/// - Throws: `invalid` for oneself, and for a domain that is not paused.
func unpauseDomain(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  guard request.domain != call.domain, request.domain.unpause() else { throw .invalid }
  return .success
}

/// XEN_DOMCTL_resumedomain: a domain that has shut down goes on where it was, as if it had not (after a suspend that came to
/// nothing).
///
/// - Throws: `invalid` for oneself and for a domain that is being destroyed.
func resumeDomain(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let domain = request.domain
  guard domain != call.domain else { throw .invalid }
  let wasDown: Bool? = domain[].life.withLock { life in
    if life.isDying { return nil }
    defer {
      life.shutdownReason = nil
      life.announcedReason = nil
    }
    return life.shutdownReason != nil
  }
  guard let wasDown else { throw .invalid }
  if wasDown { domain.releaseAll(VCPUHold.shutDown) }
  return .success
}

/// XEN_DOMCTL_sendtrigger: sends a vCPU a non-maskable interrupt. (Buttons for power and sleep are for machines with ACPI.)
///
/// - Throws: `fault`; `invalid`, `noSuchDomain` for a vCPU that does not exist; `notImplemented` for another trigger.
func sendTrigger(_ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let wanted = try GuestMemory.fetch(request.body, initial: xen_domctl_sendtrigger())
  let vcpu = try request.vcpu(wanted.vcpu)
  guard wanted.trigger == UInt32(XEN_DOMCTL_SENDTRIGGER_NMI) else { throw .notImplemented }
  vcpu[].pending.fetchOr(VCPUPending.nmi)
  vcpu.kick()
  return .success
}
