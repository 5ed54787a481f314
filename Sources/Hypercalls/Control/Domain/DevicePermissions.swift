// SPDX-License-Identifier: Apache-2.0
// A domain's rights to devices.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_iomem_permission: not there yet.
func setDeviceMemoryPermission(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_ioport_permission: not there yet.
func setPortPermission(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_DOMCTL_irq_permission: not there yet.
func setInterruptPermission(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}
