// SPDX-License-Identifier: Apache-2.0
// sysctl: what the toolstack asks of the machine as a whole. Which operation it is, and whether the caller may.
import CXenABI
import Domains
import Machine
import XenABI

/// Operations on the machine (`sysctl(op)`, xen/sysctl.h). Only those who control the machine may use any of them. `at` below
/// is where the arguments of the operation (`u`) stand.
///
/// - Throws: `fault` if the arguments cannot be read or written; `accessDenied` for another interface version;
///   `notPermitted` without privilege; `notImplemented` for an operation that does not exist, or is not built in;
///   what the operation throws.
func sysctl(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  let header = try GuestMemory.fetch(call.address(0), initial: UInt64(0))
  guard UInt32(truncatingIfNeeded: header &>> 32) == UInt32(XEN_SYSCTL_INTERFACE_VERSION) else {
    throw .accessDenied
  }
  guard call.domain[].isPrivileged else { throw .notPermitted }
  let at = call.address(0) + UInt64(OFFSET_sysctl_body)
  switch Int32(truncatingIfNeeded: header) {
  case XEN_SYSCTL_readconsole: return try readConsole(&call, at)
  case XEN_SYSCTL_physinfo: return try physicalInformation(at)
  case XEN_SYSCTL_getdomaininfolist: return try domainList(&call, at)
  case XEN_SYSCTL_debug_keys: return try debugKeys(&call, at)
  case XEN_SYSCTL_availheap: return try availableHeap(at)
  case XEN_SYSCTL_cputopoinfo: return try processorTopology(at)
  case XEN_SYSCTL_numainfo: return try nodeInformation(at)
  case XEN_SYSCTL_pcitopoinfo: return try pciTopology(&call, at)
  case XEN_SYSCTL_get_pmstat: return try powerStatistics(at)
  case XEN_SYSCTL_pm_op: return try powerOperation(at)
  case XEN_SYSCTL_cpu_hotplug: return try hotplugProcessor(at)
  case XEN_SYSCTL_page_offline_op: return try pageOffline(&call, at)
  case XEN_SYSCTL_get_cpu_levelling_caps: return try levellingCapabilities(at)
  case XEN_SYSCTL_get_cpu_featureset: return try featureSet(at)
  case XEN_SYSCTL_get_cpu_policy: return try systemProcessorPolicy(at)
  case XEN_SYSCTL_sched_id: return try schedulerIdentity(at)
  case XEN_SYSCTL_scheduler_op: return try systemSchedulerOp(at)
  case XEN_SYSCTL_cpupool_op: return try cpuPoolOp(&call, at)
  case XEN_SYSCTL_getcpuinfo: return try processorLoad(&call, at)
  case XEN_SYSCTL_tbuf_op: return try traceBufferOp(at)
  case XEN_SYSCTL_livepatch_op: return try livePatchOp(at)
  // As in a Xen built without them: performance counters, lock profiles, coverage. As on a processor without it: cache
  // monitoring and allocation.
  case XEN_SYSCTL_perfc_op, XEN_SYSCTL_lockprof_op: throw .notImplemented
  case XEN_SYSCTL_coverage_op: throw .notSupported
  case XEN_SYSCTL_psr_cmt_op, XEN_SYSCTL_psr_alloc: throw .noDevice
  default: throw .notImplemented
  }
}
