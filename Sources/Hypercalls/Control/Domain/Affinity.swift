// SPDX-License-Identifier: Apache-2.0
// Where vCPUs may run.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_setvcpuaffinity: not there yet.
func setVCPUAffinity(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_getvcpuaffinity: not there yet.
func vcpuAffinity(_ request: DomainRequest) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_DOMCTL_setnodeaffinity: not there yet.
func setNodeAffinity(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_getnodeaffinity: not there yet.
func nodeAffinity(_ request: DomainRequest) throws(XenError) -> HypercallOutcome { throw .notImplemented }
