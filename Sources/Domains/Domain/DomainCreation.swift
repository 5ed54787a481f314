// SPDX-License-Identifier: Apache-2.0
// New domains and vCPUs: the records, and what they need from the start.
import Frames
import Machine
import Scheduling
import XenABI

/// What a new domain is to be like.
public struct DomainSpecification {
  /// Its number.
  public var id: DomainID
  /// Whether it may control the machine and other domains.
  public var isPrivileged: Bool
  /// Whether it may use devices.
  public var mayUseHardware: Bool
  /// How many vCPUs it has.
  public var vcpus: Int
  /// How many frames it may own at most.
  public var frameLimit: UInt64
  /// Its UUID, for tools.
  public var handle = InlineArray<2, UInt64>(repeating: 0)
  /// Whether it serves the toolstack's store (XEN_DOMCTL_CDF_xs_domain).
  public var isStoreDomain = false
  /// The highest event channel port that it may have.
  public var highestPort = EventChannels.fifoPorts &- 1
  /// How large its grant table may become.
  public var grantLimits = GrantLimits()
  /// Whether it starts paused, and its vCPUs are made later (`DomainCreation.addVCPUs`): by the toolstack's word.
  public var isBuiltByTools = false

  /// A specification of these, and of the defaults for the rest.
  public init(id: DomainID, isPrivileged: Bool, mayUseHardware: Bool, vcpus: Int, frameLimit: UInt64) {
    self.id = id
    self.isPrivileged = isPrivileged
    self.mayUseHardware = mayUseHardware
    self.vcpus = vcpus
    self.frameLimit = frameLimit
  }
}

/// Creating domains.
public enum DomainCreation {
  /// Makes a domain with its vCPUs, all down, and lists it. Under the lock `Hypervisor.domainChanges`, or before there are others.
  ///
  /// - Throws: `noMemory`; what event channels and grant table throw for the same reason.
  public static func create(_ wanted: DomainSpecification) throws(XenError) -> Ref<Domain> {
    let frames = Int(Ref<Domain>.framesNeeded)
    var order = 0
    while 1 &<< order < frames { order &+= 1 }
    guard let place = ledger[].allocateOwn(order: order), let shared = ledger[].allocateShared(with: wanted.id) else {
      throw .noMemory
    }
    ledger[].accounts.setLimit(wanted.id, wanted.frameLimit)
    guard let grants = GrantTable.make(owner: wanted.id, limits: wanted.grantLimits) else { throw .noMemory }
    let domain = Ref<Domain>.create(
      in: place,
      Domain(
        id: wanted.id, isPrivileged: wanted.isPrivileged, mayUseHardware: wanted.mayUseHardware, sharedInfo: shared,
        maximumVCPUs: wanted.vcpus,
        processor: Processor.policy(isControlDomain: wanted.isPrivileged, vcpuLimit: wanted.vcpus),
        events: try EventChannels(maximumPort: wanted.highestPort), grants: grants))
    domain[].handle = wanted.handle
    domain[].isStoreDomain = wanted.isStoreDomain
    if wanted.isBuiltByTools { domain[].pauseCount.store(1) } else { try addVCPUs(domain) }
    WallClock.publish(domain)
    Ref<Hypervisor>.shared[].domains.set(wanted.id, domain)
    return domain
  }

  /// Makes the vCPUs that the domain does not have yet, all down.
  ///
  /// - Throws: `noMemory`; those made before stay.
  public static func addVCPUs(_ domain: Ref<Domain>) throws(XenError) {
    for index in 0..<domain[].maximumVCPUs where domain[].vcpu(index: index) == nil {
      let vcpu = try makeVCPU(domain, index)
      let isAdded = domain[].life.withLock { _ in
        guard domain[].vcpu(index: index) == nil else { return false }
        if domain[].pauseCount.load() > 0 { vcpu[].holds.fetchOr(VCPUHold.paused) }
        domain[].add(vcpu)
        return true
      }
      precondition(isAdded, "two CPUs made the same vCPU")
      Scheduler.admit(vcpu)
    }
  }

  private static func makeVCPU(_ domain: Ref<Domain>, _ index: Int) throws(XenError) -> Ref<VCPU> {
    let hypervisor = Ref<Hypervisor>.shared
    if hypervisor[].vcpus.isFull {
      guard let more = ledger[].allocateOwn(), hypervisor[].vcpus.grow(by: more) else { throw .noMemory }
    }
    guard let place = ledger[].allocateOwn(), let state = ledger[].allocateOwn(), let traps = ledger[].allocateOwn(),
      let handle = hypervisor[].vcpus.reserve()
    else { throw .noMemory }
    precondition(Ref<VCPU>.framesNeeded == 1)
    // vCPUs beyond those of the shared page have a place of their own that nobody sees until the guest registers one.
    let info: VCPUInfoPlace
    if index < SharedInfoLayout.legacyVCPUs {
      info = VCPUInfoPlace(frame: domain[].sharedInfo, offset: index &* SharedInfoLayout.vcpuInfoSize)
    } else {
      guard let hidden = ledger[].allocateOwn() else { throw .noMemory }
      info = VCPUInfoPlace(frame: hidden, offset: 0)
    }
    let vcpu = Ref<VCPU>.create(
      in: place,
      VCPU(
        id: VCPUID(UInt32(index)), domain: domain, index: handle, info: info,
        extendedState: ExtendedStateArea(frame: state), trapTable: traps, now: Hypervisor.now))
    vcpu[].cr4 = Ref<VCPU>.initialCR4
    vcpu[].debug[6] = 0xffff_0ff0
    vcpu[].debug[7] = 0x400
    vcpu.publishTime()
    hypervisor[].vcpus.set(handle, vcpu)
    return vcpu
  }
}
