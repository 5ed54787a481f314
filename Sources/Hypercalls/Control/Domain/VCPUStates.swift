// SPDX-License-Identifier: Apache-2.0
// vCPUs' states, in and out.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_getvcpuinfo: not there yet.
func vcpuInformation(_ request: DomainRequest) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_DOMCTL_setvcpucontext: not there yet.
func setVCPUContext(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_getvcpucontext: not there yet.
func vcpuContext(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}
