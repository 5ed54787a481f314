// SPDX-License-Identifier: Apache-2.0
// Where vCPUs may run, and where domains' memory should be.
import CXenABI
import Domains
import Machine
import Scheduling
import XenABI

private let allFlags = UInt32(
  1 &<< _XEN_VCPUAFFINITY_HARD | 1 &<< _XEN_VCPUAFFINITY_SOFT | 1 &<< _XEN_VCPUAFFINITY_FORCE)

private func has(_ flags: UInt32, _ bit: Int32) -> Bool { flags &>> UInt32(bit) & 1 != 0 }

/// XEN_DOMCTL_setvcpuaffinity: sets the CPUs on which a vCPU may run (hard), should run (soft), or both, and gives back what of
/// them has an effect in the domain's pool. XEN_VCPUAFFINITY_FORCE ends what SCHEDOP_pin_override began.
///
/// - Throws: `fault`; `invalid` for no or unknown flags, a vCPU beyond the domain's limit, a bitmap of more than 2^20 bits, or if
///   no CPU of the pool would be left; `noSuchDomain` for a vCPU that does not exist; `busy` while the vCPU has tied itself to a
///   CPU, without FORCE.
func setVCPUAffinity(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let wanted = try GuestMemory.fetch(request.body, initial: martlet_vcpuaffinity())
  let vcpu = try request.vcpu(wanted.vcpu)
  guard wanted.flags != 0, wanted.flags & ~allFlags == 0 else { throw .invalid }
  var hard: CPUMask?
  var soft: CPUMask?
  if has(wanted.flags, _XEN_VCPUAFFINITY_HARD) {
    try wanted.cpumap_hard.checkLength()
    hard = try wanted.cpumap_hard.load()
  }
  if has(wanted.flags, _XEN_VCPUAFFINITY_SOFT) {
    try wanted.cpumap_soft.checkLength()
    soft = try wanted.cpumap_soft.load()
  }
  let isForced = has(wanted.flags, _XEN_VCPUAFFINITY_FORCE)
  let effective = try Scheduler.setAffinity(vcpu, hard: hard, soft: soft, force: isForced)
  if hard != nil { try wanted.cpumap_hard.store(effective.hard) }
  if soft != nil { try wanted.cpumap_soft.store(effective.soft) }
  return .success
}

/// XEN_DOMCTL_getvcpuaffinity: the masks as they were set last, all CPUs at first.
///
/// - Throws: `fault`; `invalid` for no or unknown flags, a vCPU beyond the domain's limit, a bitmap of more than 2^20 bits;
///   `noSuchDomain` for a vCPU that does not exist.
func vcpuAffinity(_ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let wanted = try GuestMemory.fetch(request.body, initial: martlet_vcpuaffinity())
  let vcpu = try request.vcpu(wanted.vcpu)
  guard wanted.flags != 0, wanted.flags & ~allFlags == 0 else { throw .invalid }
  let affinity = Scheduler.affinity(vcpu)
  if has(wanted.flags, _XEN_VCPUAFFINITY_HARD) {
    try wanted.cpumap_hard.checkLength()
    try wanted.cpumap_hard.store(affinity.hard)
  }
  if has(wanted.flags, _XEN_VCPUAFFINITY_SOFT) {
    try wanted.cpumap_soft.checkLength()
    try wanted.cpumap_soft.store(affinity.soft)
  }
  return .success
}

/// XEN_DOMCTL_setnodeaffinity: the nodes that the domain's memory should come from. There is one, so nothing is to be kept.
///
/// - Throws: `fault`; `invalid` if none of the nodes exists.
func setNodeAffinity(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let nodes = try GuestMemory.fetch(request.body, initial: martlet_bitmap())
  guard try nodes.load().contains(0) else { throw .invalid }
  return .success
}

/// XEN_DOMCTL_getnodeaffinity: the nodes that the domain's memory comes from: the one that there is.
///
/// - Throws: `fault`; `invalid` for a bitmap of more than 2^20 bits.
func nodeAffinity(_ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let nodes = try GuestMemory.fetch(request.body, initial: martlet_bitmap())
  try nodes.checkLength()
  try nodes.store(CPUMask(cpu: 0))
  return .success
}
