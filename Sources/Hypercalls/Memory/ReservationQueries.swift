// SPDX-License-Identifier: Apache-2.0
// Questions about how much memory there is, and how much a domain has.
import CXenABI
import Domains
import Frames
import Machine
import XenABI

/// XENMEM_maximum_ram_page: the highest frame number of RAM.
var maximumRAMPage: UInt64 { ledger[].frameCount &- 1 }

/// The domain that a `struct xen_memory_domain` names.
private func namedDomain(_ call: Hypercall, _ at: LinearAddress) throws(XenError) -> Ref<Domain> {
  try call.target(try GuestMemory.fetch(at, initial: UInt16(0)))
}

/// XENMEM_current_reservation: how many frames a domain owns.
///
/// - Throws: `fault`; `notPermitted`; `noSuchDomain`.
func currentReservation(_ call: Hypercall, _ at: LinearAddress) throws(XenError) -> UInt64 {
  ledger[].accounts.owned(try namedDomain(call, at)[].id)
}

/// XENMEM_maximum_reservation: how many frames a domain may own; "no limit" is given as the largest unsigned 32-bit number.
///
/// - Throws: `fault`; `notPermitted`; `noSuchDomain`.
func maximumReservation(_ call: Hypercall, _ at: LinearAddress) throws(XenError) -> UInt64 {
  min(ledger[].accounts.limit(try namedDomain(call, at)[].id), UInt64(UInt32.max))
}

/// XENMEM_maximum_gpfn: the highest frame number that a domain uses for itself. Only the domain knows: it says how many there
/// are in its shared page (`max_pfn` of struct arch_shared_info), and zero while it has said nothing.
///
/// - Throws: `fault`; `notPermitted`; `noSuchDomain`.
func maximumGuestFrame(_ call: Hypercall, _ at: LinearAddress) throws(XenError) -> UInt64 {
  let domain = try namedDomain(call, at)
  return max(PhysicalWindow.load(domain[].sharedInfo, word: Int(OFFSET_shared_info_max_pfn) &>> 3), 1) &- 1
}

/// XENMEM_set_pod_target and XENMEM_get_pod_target: filling on demand needs a translated guest.
///
/// - Throws: always: `fault`, `notPermitted`, `noSuchDomain`, or `invalid` for a PV domain.
func populateOnDemandTarget(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: xen_pod_target())
  _ = try call.target(request.domid)
  throw .invalid
}

/// XENMEM_claim_pages: promises free frames to a domain that is being built.
///
/// - Throws: `notPermitted` without privilege; `fault`; `noSuchDomain`; `invalid` with a list, an order or flags, or if the
///   domain owns as many or has a claim already; `noMemory` if there are not as many free.
func claimPages(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  guard call.domain[].isPrivileged else { throw .notPermitted }
  let wire = try GuestMemory.fetch(at, initial: martlet_memory_reservation())
  guard wire.extent_start == 0, wire.extent_order == 0, wire.mem_flags == 0 else { throw .invalid }
  try MachineMemory.claim(try call.target(wire.domid), total: wire.nr_extents)
}

/// XENMEM_get_vnumainfo: no domain has a virtual NUMA topology.
///
/// - Throws: always: `fault`, `notPermitted`, `noSuchDomain`, or `notSupported`.
func virtualNUMA(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  _ = try namedDomain(call, at)
  throw .notSupported
}
