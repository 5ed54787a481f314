// SPDX-License-Identifier: Apache-2.0
// The scheduler as a whole, and CPU pools.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_SYSCTL_sched_id: not there yet.
func schedulerIdentity(_ at: LinearAddress) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_SYSCTL_scheduler_op: not there yet.
func systemSchedulerOp(_ at: LinearAddress) throws(XenError) -> HypercallOutcome { throw .notImplemented }

/// XEN_SYSCTL_cpupool_op: not there yet.
func cpuPoolOp(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}

/// XEN_SYSCTL_getcpuinfo: not there yet.
func processorLoad(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  throw .notImplemented
}
