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

  /// A specification of all of these.
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
  /// Makes a domain with its vCPUs, all down, and lists it.
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
    guard let grants = GrantTable.make(owner: wanted.id) else { throw .noMemory }
    let domain = Ref<Domain>.create(
      in: place,
      Domain(
        id: wanted.id, isPrivileged: wanted.isPrivileged, mayUseHardware: wanted.mayUseHardware, sharedInfo: shared,
        maximumVCPUs: wanted.vcpus,
        processor: Processor.policy(isControlDomain: wanted.isPrivileged, vcpuLimit: wanted.vcpus),
        events: try EventChannels(), grants: grants))
    for index in 0..<domain[].maximumVCPUs { domain[].add(try makeVCPU(domain, index)) }
    WallClock.publish(domain)
    Ref<Hypervisor>.shared[].domains.set(wanted.id, domain)
    return domain
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
    Scheduler.admit(vcpu)
    return vcpu
  }
}
