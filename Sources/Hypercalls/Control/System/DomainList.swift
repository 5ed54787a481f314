// SPDX-License-Identifier: Apache-2.0
// All domains at once.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_SYSCTL_getdomaininfolist: not there yet.
func domainList(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}
