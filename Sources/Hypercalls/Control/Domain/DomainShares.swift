// SPDX-License-Identifier: Apache-2.0
// A domain's share of the CPUs.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_scheduler_op: not there yet.
func domainSchedulerOp(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}
