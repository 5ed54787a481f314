// SPDX-License-Identifier: Apache-2.0
// What the toolstack can know of a domain.
import CXenABI
import Domains
import Frames
import Machine
import Scheduling
import XenABI

/// XEN_DOMCTL_getdomaininfo: the domain of the number, or else the next one after it.
///
/// - Throws: `fault`; `noSuchDomain` if there is none from that number on.
func domainInformation(_ at: LinearAddress, from number: UInt16) throws(XenError) -> HypercallOutcome {
  guard let domain = nextDomain(from: number) else { throw .noSuchDomain }
  try putInformation(domain, at + UInt64(OFFSET_domctl_body))
  try GuestMemory.put(at + UInt64(OFFSET_domctl_domain), domain[].id.raw)
  return .success
}

/// The first domain whose number is not below `number`.
func nextDomain(from number: UInt16) -> Ref<Domain>? {
  let end = min(Ref<Hypervisor>.shared[].domains.capacity, Int(DomainID.firstReserved))
  var candidate = Int(number)
  while candidate < end {
    if let domain = Hypervisor.domain(DomainID(UInt16(truncatingIfNeeded: candidate))) { return domain }
    candidate &+= 1
  }
  return nil
}

/// Writes `struct xen_domctl_getdomaininfo`.
///
/// - Throws: `fault`.
func putInformation(_ domain: Ref<Domain>, _ at: LinearAddress) throws(XenError) {
  var record = xen_domctl_getdomaininfo()
  let id = domain[].id
  record.domain = id.raw
  var isRunning = false
  var isWaiting = true
  var time: UInt64 = 0
  for index in 0..<domain[].maximumVCPUs {
    guard let vcpu = domain[].vcpu(index: index) else { continue }
    record.max_vcpu_id = UInt32(truncatingIfNeeded: index)
    let (account, now) = vcpu.runstateTimes()
    time &+= account.times(at: now).running
    let holds = vcpu[].holds.load()
    guard holds & VCPUHold.down == 0 else { continue }
    record.nr_online_vcpus &+= 1
    if holds & VCPUHold.blocked == 0 { isWaiting = false }
    if account.state == .running { isRunning = true }
  }
  if domain[].vcpu(index: 0) == nil { record.max_vcpu_id = UInt32(XEN_INVALID_MAX_VCPU_ID) }
  record.cpu_time = time
  record.cpupool = domain[].shares.pool
  record.flags = lifeFlags(domain)
  if isWaiting { record.flags |= UInt32(XEN_DOMINF_blocked) }
  if isRunning { record.flags |= UInt32(XEN_DOMINF_running) }
  if domain[].isStoreDomain { record.flags |= UInt32(XEN_DOMINF_xs_domain) }
  record.tot_pages = ledger[].accounts.owned(id)
  // All ones in 32 bits is how tools know that there is no limit.
  record.max_pages = min(ledger[].accounts.limit(id), 0xffff_ffff)
  record.outstanding_pages = domain[].claimedFrames.load()
  record.shared_info_frame = domain[].sharedInfo.number
  record.gpaddr_bits = UInt8(truncatingIfNeeded: CPUFeatures.current.physicalBits)
  try GuestMemory.put(at, record)
  try GuestMemory.put(at + UInt64(OFFSET_getdomaininfo_handle), domain[].handle)
}

/// Paused, shut down and why, dying: XEN_DOMINF_*.
private func lifeFlags(_ domain: Ref<Domain>) -> UInt32 {
  var flags: UInt32 = 0
  domain[].life.withLock { life in
    if let reason = life.shutdownReason {
      flags |=
        UInt32(XEN_DOMINF_shutdown) | (reason & UInt32(XEN_DOMINF_shutdownmask)) &<< UInt32(XEN_DOMINF_shutdownshift)
    }
    if life.isDying { flags |= UInt32(XEN_DOMINF_dying) }
  }
  if domain[].pauseCount.load() > 0 { flags |= UInt32(XEN_DOMINF_paused) }
  return flags
}

/// XEN_DOMCTL_getvcpuinfo: whether a vCPU is up, waits, runs, for how long it has run, and where.
///
/// - Throws: `fault`; `invalid`, `noSuchDomain` for a vCPU that does not exist.
func vcpuInformation(_ request: DomainRequest) throws(XenError) -> HypercallOutcome {
  var record = try GuestMemory.fetch(request.body, initial: xen_domctl_getvcpuinfo())
  let vcpu = try request.vcpu(record.vcpu)
  let holds = vcpu[].holds.load()
  let (account, now) = vcpu.runstateTimes()
  record.online = holds & VCPUHold.down == 0 ? 1 : 0
  record.blocked = holds & VCPUHold.blocked != 0 ? 1 : 0
  record.running = account.state == .running ? 1 : 0
  record.cpu_time = account.times(at: now).running
  record.cpu = UInt32(truncatingIfNeeded: vcpu[].cpu.load())
  try GuestMemory.put(request.body, record)
  return .success
}
