// SPDX-License-Identifier: Apache-2.0
// New domains at the toolstack's word.
import CXenABI
import Domains
import Machine
import XenABI

/// XEN_DOMCTL_createdomain: makes a domain of the wanted number, or of the next free one if that is zero or no ordinary number.
/// It is paused and has neither vCPUs nor memory yet.
///
/// - Throws: `fault`; `exists` if the number is taken; `invalid` for options that a PV domain cannot have, or that this
///   machine does not offer; `noMemory`.
func createDomain(_ call: inout Hypercall, _ at: LinearAddress, wanted: UInt16) throws(XenError) -> HypercallOutcome {
  let request = try GuestMemory.fetch(at + UInt64(OFFSET_domctl_body), initial: xen_domctl_createdomain())
  var specification = try specification(request)
  specification.handle = try GuestMemory.fetch(
    at + UInt64(OFFSET_domctl_body &+ OFFSET_createdomain_handle), initial: InlineArray<2, UInt64>(repeating: 0))
  specification.id = try DomainNumbers.reserve(wanted: wanted)
  // Before there is anything that would have to be taken back: a caller that does not hear of its domain cannot end it.
  do { try GuestMemory.put(at + UInt64(OFFSET_domctl_domain), specification.id.raw) } catch {
    DomainNumbers.free(specification.id)
    throw error
  }
  let domain = try DomainCreation.create(specification)
  // If the pool has just lost its CPUs, the domain is in the first one, and the toolstack hears of it when it moves it.
  try? Ref<Hypervisor>.shared[].pools.withLock { pools throws(XenError) in
    try pools.move(domain, to: request.cpupool_id)
  }
  return .success
}

private func specification(_ request: xen_domctl_createdomain) throws(XenError) -> DomainSpecification {
  // Hardware-virtualized domains need hardware that is not used here; what only they have, others cannot ask for.
  guard request.flags & ~UInt32(XEN_DOMCTL_CDF_xs_domain) == 0, request.iommu_opts == 0, request.vmtrace_size == 0,
    request.arch.emulation_flags == 0, request.arch.misc_flags & ~UInt32(XEN_X86_MSR_RELAXED) == 0,
    CPUPools.isUsable(request.cpupool_id)
  else { throw .invalid }
  guard request.max_vcpus >= 1, request.max_vcpus <= UInt32(Domain.vcpuLimit) else { throw .invalid }
  // Negative: the machine's limit.
  let limits = Ref<Hypervisor>.shared[].grantLimits
  let frames = request.max_grant_frames < 0 ? limits.frames : Int(request.max_grant_frames)
  let maptrack = request.max_maptrack_frames < 0 ? limits.maptrackFrames : Int(request.max_maptrack_frames)
  let version = request.grant_opts & UInt32(XEN_DOMCTL_GRANT_version_mask)
  guard frames >= 1, frames <= limits.frames, maptrack <= limits.maptrackFrames, request.grant_opts == version,
    version >= 1, version <= UInt32(limits.highestVersion)
  else { throw .invalid }
  var wanted = DomainSpecification(
    id: DomainID(0), isPrivileged: false, mayUseHardware: false, vcpus: Int(request.max_vcpus), frameLimit: 0)
  wanted.isStoreDomain = request.flags & UInt32(XEN_DOMCTL_CDF_xs_domain) != 0
  wanted.relaxesModelSpecific = request.arch.misc_flags & UInt32(XEN_X86_MSR_RELAXED) != 0
  wanted.highestPort = min(request.max_evtchn_port, EventChannels.fifoPorts &- 1)
  wanted.grantLimits = GrantLimits(
    frames: frames, maptrackFrames: maptrack, highestVersion: Int(version))
  wanted.isBuiltByTools = true
  return wanted
}

/// XEN_DOMCTL_max_vcpus: gives the domain its vCPUs; the number must be the one that it was created with.
///
/// - Throws: `fault`; `invalid` for oneself or another number; `noMemory`.
func setMaximumVCPUs(_ call: inout Hypercall, _ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  let wanted = try GuestMemory.fetch(request.body, initial: UInt32(0))
  guard request.domain != call.domain, UInt64(wanted) == UInt64(request.domain[].maximumVCPUs) else { throw .invalid }
  let domain = request.domain
  let isDone = try Ref<Hypervisor>.shared[].domainChanges.withLock { _ throws(XenError) in
    guard !domain[].life.withLock({ $0.isDying }) else { throw .invalid }
    return try DomainCreation.addVCPUs(domain)
  }
  return isDone ? .success : .again
}
