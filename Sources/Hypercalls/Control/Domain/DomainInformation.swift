// SPDX-License-Identifier: Apache-2.0
// What the toolstack can know of a domain.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_getdomaininfo: not there yet.
func domainInformation(_ at: LinearAddress, from number: UInt16) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}
