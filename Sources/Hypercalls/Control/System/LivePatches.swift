// SPDX-License-Identifier: Apache-2.0
// Live patches: there are none, and the image cannot take any.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_SYSCTL_livepatch_op: the list of patches, which is empty.
///
/// - Throws: `fault`; `invalid` where padding is not zero; `noEntry` for a patch by its name; `notSupported` for a new one;
///   `notImplemented` for what does not exist.
func livePatchOp(_ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  let header = try GuestMemory.fetch(at, initial: martlet_livepatch_header())
  guard header.pad == 0 else { throw .invalid }
  switch Int32(bitPattern: header.cmd) {
  case XEN_SYSCTL_LIVEPATCH_LIST:
    let place = at + UInt64(OFFSET_livepatch_body)
    var list = try GuestMemory.fetch(place, initial: martlet_livepatch_list())
    guard list.pad == 0 else { throw .invalid }
    // None at all; so no index is one.
    guard list.idx == 0 else { throw .invalid }
    list.version = 0
    list.nr = 0
    list.name_total_size = 0
    list.metadata_total_size = 0
    try GuestMemory.put(place, list)
    return .success
  case XEN_SYSCTL_LIVEPATCH_GET, XEN_SYSCTL_LIVEPATCH_ACTION: throw .noEntry
  case XEN_SYSCTL_LIVEPATCH_UPLOAD: throw .notSupported
  default: throw .notImplemented
  }
}
