// SPDX-License-Identifier: Apache-2.0
// Power states, CPUs and pages that come and go.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_SYSCTL_get_pmstat: not there yet.
func powerStatistics(_ at: LinearAddress) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_SYSCTL_pm_op: not there yet.
func powerOperation(_ at: LinearAddress) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_SYSCTL_cpu_hotplug: not there yet.
func hotplugProcessor(_ at: LinearAddress) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_SYSCTL_page_offline_op: not there yet.
func pageOffline(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}
