// SPDX-License-Identifier: Apache-2.0
// What a vCPU's context has grown by: extended contexts, XSAVE areas, model-specific registers.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_set_ext_vcpucontext: not there yet.
func setExtendedContext(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_get_ext_vcpucontext: not there yet.
func extendedContext(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_setvcpuextstate: not there yet.
func setExtendedState(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_getvcpuextstate: not there yet.
func extendedState(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_get_vcpu_msrs: not there yet.
func vcpuMSRs(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_set_vcpu_msrs: not there yet.
func setVCPUMSRs(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}
