// SPDX-License-Identifier: Apache-2.0
// The end of a domain at the toolstack's word.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_destroydomain: not there yet.
func destroyDomain(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}
