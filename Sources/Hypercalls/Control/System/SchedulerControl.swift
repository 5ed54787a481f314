// SPDX-License-Identifier: Apache-2.0
// The scheduler as a whole, and how long CPUs have idled. The scheduler is BVT and answers to the name of Credit2, whose weights
// and caps mean the same: it is the one for which `xl` has words (docs/scheduling.md).
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_SYSCTL_sched_id: XEN_SCHEDULER_CREDIT2.
///
/// - Throws: `fault`.
func schedulerIdentity(_ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  try GuestMemory.put(at, UInt32(XEN_SCHEDULER_CREDIT2))
  return .success
}

/// XEN_SYSCTL_scheduler_op: reads or sets the rate limit of a CPU pool in microseconds: 0, or
/// XEN_SYSCTL_SCHED_RATELIMIT_MIN to _MAX. It is BVT's context switch allowance.
///
/// - Throws: `fault`; `invalid` for another scheduler's parameters, an unknown command, or a limit out of range; `noSuchDomain`
///   for a pool that does not exist.
func systemSchedulerOp(_ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  var wanted = try GuestMemory.fetch(at, initial: martlet_system_scheduler_op())
  let hypervisor = Ref<Hypervisor>.shared
  guard let pool = hypervisor[].pools.withLock({ $0.find(wanted.cpupool_id) }) else { throw .noSuchDomain }
  guard wanted.sched_id == UInt32(XEN_SCHEDULER_CREDIT2) else { throw .invalid }
  switch Int32(truncatingIfNeeded: wanted.cmd) {
  case XEN_SYSCTL_SCHEDOP_putinfo:
    let limit = wanted.ratelimit_us
    guard
      limit == 0
        || (limit >= UInt32(XEN_SYSCTL_SCHED_RATELIMIT_MIN) && limit <= UInt32(XEN_SYSCTL_SCHED_RATELIMIT_MAX))
    else { throw .invalid }
    try hypervisor[].pools.withLock { pools throws(XenError) in try pools.setRateLimit(limit, of: pool.id) }
  case XEN_SYSCTL_SCHEDOP_getinfo: wanted.ratelimit_us = pool.rateLimit
  default: throw .invalid
  }
  try GuestMemory.put(at, wanted)
  return .success
}

/// XEN_SYSCTL_getcpuinfo: for each CPU, up to as many as the caller has room for, the nanoseconds for which it had nobody to run.
///
/// - Throws: `fault`.
func processorLoad(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  var wanted = try GuestMemory.fetch(at, initial: martlet_getcpuinfo())
  let count = min(Int(wanted.max_cpus), CPUs.started)
  for number in 0..<count {
    var record = xen_sysctl_cpuinfo()
    record.idletime = Scheduler.idleTime(ofCPU: number)
    try GuestMemory.put(LinearAddress(wanted.info) + UInt64(number &* MemoryLayout<xen_sysctl_cpuinfo>.stride), record)
  }
  wanted.nr_cpus = UInt32(truncatingIfNeeded: count)
  try GuestMemory.put(at, wanted)
  return .success
}
