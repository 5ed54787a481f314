// SPDX-License-Identifier: Apache-2.0
// What the machine is made of.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_SYSCTL_physinfo: not there yet.
func physicalInformation(_ at: LinearAddress) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_SYSCTL_availheap: not there yet.
func availableHeap(_ at: LinearAddress) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_SYSCTL_cputopoinfo: not there yet.
func processorTopology(_ at: LinearAddress) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_SYSCTL_numainfo: not there yet.
func nodeInformation(_ at: LinearAddress) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_SYSCTL_pcitopoinfo: not there yet.
func pciTopology(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}
