// SPDX-License-Identifier: Apache-2.0
// New domains at the toolstack's word.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_createdomain: not there yet.
func createDomain(_ call: inout Hypercall, _ at: LinearAddress, wanted: UInt16) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}
