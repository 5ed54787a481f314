// SPDX-License-Identifier: Apache-2.0
// CPU pools at the toolstack's word.
import CXenABI
import Domains
import Machine
import Scheduling
import XenABI

/// XEN_SYSCTL_cpupool_op: makes, ends, describes and changes CPU pools. Changes that take long go on when the call comes back.
///
/// - Throws: `fault`; `notSupported` for an unknown operation; what is said at each of them.
func cpuPoolOp(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  var request = try GuestMemory.fetch(at, initial: martlet_cpupool_op())
  let hypervisor = Ref<Hypervisor>.shared
  switch Int32(truncatingIfNeeded: request.op) {
  case XEN_SYSCTL_CPUPOOL_OP_CREATE:
    // Every pool has the one scheduler there is.
    guard request.sched_id == UInt32(XEN_SCHEDULER_CREDIT2) else { throw .noEntry }
    let wanted = request.cpupool_id == UInt32(XEN_SYSCTL_CPUPOOL_PAR_ANY) ? nil : request.cpupool_id
    request.cpupool_id = try hypervisor[].pools.withLock { pools throws(XenError) in try pools.create(wanted) }
    try GuestMemory.put(at, request)
  case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
    try hypervisor[].pools.withLock { pools throws(XenError) in try pools.destroy(request.cpupool_id) }
  case XEN_SYSCTL_CPUPOOL_OP_INFO: try describePool(&request, at)
  case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
    let cpu = try processor(request)
    let isDone = try hypervisor[].pools.withLock { pools throws(XenError) in
      try pools.add(cpu: cpu, to: request.cpupool_id)
    }
    if !isDone { return .again }
  case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
    let cpu = try processor(request)
    let isDone = try hypervisor[].pools.withLock { pools throws(XenError) in
      try pools.remove(cpu: cpu, from: request.cpupool_id)
    }
    if !isDone { return .again }
  case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
    guard request.domid < UInt32(DomainID.firstReserved),
      let domain = Hypervisor.domain(DomainID(UInt16(truncatingIfNeeded: request.domid)))
    else { throw .invalid }
    try hypervisor[].pools.withLock { pools throws(XenError) in try pools.move(domain, to: request.cpupool_id) }
  case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
    try request.cpumap.checkLength()
    try request.cpumap.store(hypervisor[].pools.withLock { $0.free })
  default: throw .notSupported
  }
  return .success
}

/// The pool of a number or the next higher one: its number, scheduler, domains and CPUs.
///
/// - Throws: `noEntry` if there is none any more; `invalid` for a bitmap of more than 2^20 bits; `fault`.
private func describePool(_ request: inout martlet_cpupool_op, _ at: LinearAddress) throws(XenError) {
  let wanted = request.cpupool_id
  let found = Ref<Hypervisor>.shared[].pools.withLock { $0.find(from: wanted) }
  guard let pool = found else { throw .noEntry }
  try request.cpumap.checkLength()
  request.cpupool_id = pool.id
  request.sched_id = UInt32(XEN_SCHEDULER_CREDIT2)
  request.n_dom = CPUPools.domainCount(pool.id)
  try request.cpumap.store(pool.onlineCPUs)
  try GuestMemory.put(at, request)
}

/// The CPU that a request names; nil for any.
///
/// - Throws: `invalid` for one that cannot exist.
private func processor(_ request: martlet_cpupool_op) throws(XenError) -> Int? {
  if request.cpu == UInt32(XEN_SYSCTL_CPUPOOL_PAR_ANY) { return nil }
  guard request.cpu < UInt32(CPUMask.capacity) else { throw .invalid }
  return Int(request.cpu)
}
