// SPDX-License-Identifier: Apache-2.0
// A domain's share of the CPUs. The scheduler is BVT; weight and cap are read and set as Credit2's, which is what `xl` knows
// (docs/scheduling.md).
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_scheduler_op: reads or sets a domain's weight, 1 to 65535 (0 leaves it), and its cap in percent of one CPU (0: none).
///
/// - Throws: `fault`; `invalid` for another scheduler's parameters, an unknown command, and parameters of single vCPUs, which
///   Credit2 has none of.
func domainSchedulerOp(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  var wanted = try GuestMemory.fetch(request.body, initial: martlet_domain_scheduler_op())
  guard wanted.sched_id == UInt32(XEN_SCHEDULER_CREDIT2) else { throw .invalid }
  let domain = request.domain
  switch Int32(truncatingIfNeeded: wanted.cmd) {
  case XEN_DOMCTL_SCHEDOP_putinfo:
    let weight = wanted.weight == 0 ? domain[].shares.weight : wanted.weight
    Scheduler.setShares(domain, weight: weight, cap: wanted.cap)
  case XEN_DOMCTL_SCHEDOP_getinfo:
    wanted.weight = domain[].shares.weight
    wanted.cap = domain[].shares.cap
    try GuestMemory.put(request.body, wanted)
  default: throw .invalid
  }
  return .success
}
