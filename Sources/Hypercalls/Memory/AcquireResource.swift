// SPDX-License-Identifier: Apache-2.0
// XENMEM_acquire_resource: frames that the hypervisor shares with a domain, for the toolstack to map. Of the kinds there are, a
// PV domain has one: its grant table.
import CXenABI
import Domains
import Machine
import XenABI

/// XENMEM_acquire_resource. The frames belong to the named domain, and are mapped as its frames. Asked for no frames without
/// a list, it gives how many there can be.
///
/// - Throws: `fault`; `notPermitted` without control of the domain; `noSuchDomain`; `invalid` for a field that must be zero,
///   an unknown identifier, or frames beyond the limit; `notSupported` for another kind; `noMemory`.
func acquireResource(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: martlet_acquire_resource())
  guard request.pad == 0 else { throw .invalid }
  // A domain has no business with its own resources this way.
  guard call.domain[].isPrivileged else { throw .notPermitted }
  let domain = try call.target(request.domid)
  guard Int32(request.type) == XENMEM_resource_grant_table else { throw .notSupported }
  let isStatus: Bool
  switch Int32(bitPattern: request.id) {
  case XENMEM_resource_grant_table_id_shared: isStatus = false
  case XENMEM_resource_grant_table_id_status: isStatus = true
  default: throw .invalid
  }
  let limit = domain[].grants.withLock { isStatus ? ($0.limits.frames &+ 7) &>> 3 : $0.limits.frames }
  if request.nr_frames == 0 {
    guard request.frame_list == 0 else { return }
    try GuestMemory.put(at + UInt64(OFFSET_acquire_resource_nr_frames), UInt32(limit))
    return
  }
  guard request.frame < UInt64(limit), UInt64(request.nr_frames) <= UInt64(limit) &- request.frame else {
    throw .invalid
  }
  // At most 256 frames, by the limit on grant tables: no need to pause. The table grows from the end, once.
  for index in 0..<UInt64(request.nr_frames) {
    let number = request.frame &+ index
    let frame = domain[].grants.withLock {
      isStatus ? $0.frame(ofStatusIndex: number) : $0.frame(ofTableIndex: number)
    }
    guard let frame else { throw isStatus ? .invalid : .noMemory }
    try GuestMemory.put(LinearAddress(request.frame_list) + index &* 8, frame.number)
  }
}
