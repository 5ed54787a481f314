// SPDX-License-Identifier: Apache-2.0
// A domain's memory, as the toolstack limits and inspects it.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_max_mem: not there yet.
func setMaximumMemory(_ request: DomainRequest) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_DOMCTL_getpageframeinfo3: not there yet.
func pageFrameInformation(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_shadow_op: not there yet.
func shadowOperation(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_setvnumainfo: not there yet.
func setVirtualNUMA(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}
