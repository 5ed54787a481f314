// SPDX-License-Identifier: Apache-2.0
// Changes to a translated guest's physical address space. A PV domain has none: it maps machine frames itself, and gets the
// shared page and the grant table by their machine frames (start_info, GNTTABOP_setup_table, XENMEM_acquire_resource).
import CXenABI
import Domains
import Machine
import XenABI

/// XENMEM_add_to_physmap.
///
/// - Throws: always: `fault`, `notPermitted`, `noSuchDomain`, or `accessDenied` for a PV domain.
func addToPhysmap(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: xen_add_to_physmap())
  _ = try call.target(request.domid)
  throw .accessDenied
}

/// XENMEM_add_to_physmap_batch. An empty batch is done at once.
///
/// - Throws: `fault`; `notPermitted`; `noSuchDomain`; `accessDenied` for a PV domain.
func addToPhysmapBatch(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  // The domain, the space and the size stand first, 16 bits each (struct xen_add_to_physmap_batch).
  let domain = try GuestMemory.fetch(at, initial: UInt16(0))
  let size = try GuestMemory.fetch(at + 4, initial: UInt16(0))
  _ = try call.target(domain)
  if size != 0 { throw .accessDenied }
}

/// XENMEM_remove_from_physmap.
///
/// - Throws: always: `fault`, `notPermitted`, `noSuchDomain`, or `accessDenied` for a PV domain.
func removeFromPhysmap(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: xen_remove_from_physmap())
  _ = try call.target(request.domid)
  throw .accessDenied
}
