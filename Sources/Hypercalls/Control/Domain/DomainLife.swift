// SPDX-License-Identifier: Apache-2.0
// Pausing, resuming and naming domains.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_pausedomain: not there yet.
func pauseDomain(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_unpausedomain: not there yet.
func unpauseDomain(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_resumedomain: not there yet.
func resumeDomain(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_max_vcpus: not there yet.
func setMaximumVCPUs(_ request: DomainRequest) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_DOMCTL_setdomainhandle: not there yet.
func setHandle(_ request: DomainRequest) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_DOMCTL_setdebugging: not there yet.
func setDebugging(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_settimeoffset: not there yet.
func setTimeOffset(_ request: DomainRequest) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_DOMCTL_set_address_size: not there yet.
func setAddressSize(_ request: DomainRequest) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_DOMCTL_get_address_size: not there yet.
func addressSize(_ request: DomainRequest) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_DOMCTL_gettscinfo: not there yet.
func timeStampMode(_ request: DomainRequest) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_DOMCTL_settscinfo: not there yet.
func setTimeStampMode(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_set_virq_handler: not there yet.
func setVIRQHandler(_ request: DomainRequest) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_DOMCTL_sendtrigger: not there yet.
func sendTrigger(_ request: DomainRequest) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_DOMCTL_hypercall_init: not there yet.
func initialiseHypercallPage(_ request: DomainRequest) throws(XenError) -> HypercallOutcome { throw .notImplemented }
