// SPDX-License-Identifier: Apache-2.0
// What CPUID tells a domain, as the toolstack reads and sets it.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_get_cpu_policy: not there yet.
func processorPolicy(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_set_cpu_policy: not there yet.
func setProcessorPolicy(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}
