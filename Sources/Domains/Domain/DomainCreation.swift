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
  /// As the domain has it (XEN_X86_MSR_RELAXED).
  public var relaxesModelSpecific = false
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
  /// How many frames a new domain takes from free memory with so many vCPUs (up to 32), its shared page and the first page of
  /// its grant table included. What comes on top later is what its guest asks for.
  public static func fixedFrames(vcpus: Int) -> UInt64 {
    // The shared page, the first shared frame of the grant table; the record, the room; each vCPU's.
    2 &+ (1 &<< UInt64(RecordPool.order(of: Ref<Domain>.framesNeeded))) &+ 1 &+ UInt64(VCPURoom.frames &* vcpus)
  }

  /// Makes a domain with its vCPUs, all down, and lists it. Its number must be reserved for it (`DomainNumbers`), or be that
  /// of the first domain; if the domain cannot be made, the number is free again, and so is all memory.
  ///
  /// - Throws: `noMemory`; what event channels and grant table throw for the same reason.
  public static func create(_ wanted: DomainSpecification) throws(XenError) -> Ref<Domain> {
    let domain: Ref<Domain>
    do { domain = try makeDomain(wanted) } catch {
      DomainNumbers.free(wanted.id)
      throw error
    }
    domain[].handle = wanted.handle
    domain[].isStoreDomain = wanted.isStoreDomain
    domain[].relaxesModelSpecific = wanted.relaxesModelSpecific
    ledger[].accounts.setLimit(wanted.id, wanted.frameLimit)
    if wanted.isBuiltByTools {
      domain[].pauseCount.store(1)
    } else {
      do { while try !addVCPUs(domain) {} } catch {
        domain.discard()
        throw error
      }
    }
    WallClock.publish(domain)
    DomainNumbers.list(domain)
    return domain
  }

  /// The record of a domain with nothing in it but what each has.
  private static func makeDomain(_ wanted: DomainSpecification) throws(XenError) -> Ref<Domain> {
    guard let shared = ledger[].allocateShared(with: wanted.id) else { throw .noMemory }
    guard let room = ledger[].allocateOwn() else {
      ledger[].endSharing(shared)
      throw .noMemory
    }
    guard var grants = GrantTable.make(owner: wanted.id, limits: wanted.grantLimits, room: room) else {
      ledger[].freeOwn(room)
      ledger[].endSharing(shared)
      throw .noMemory
    }
    guard let place = RecordPool.takeDomain() else {
      _ = grants.tearDown()
      ledger[].freeOwn(room)
      ledger[].endSharing(shared)
      throw .noMemory
    }
    return RecordPool.fill(
      place,
      Domain(
        id: wanted.id, isPrivileged: wanted.isPrivileged, mayUseHardware: wanted.mayUseHardware, sharedInfo: shared,
        room: room, maximumVCPUs: wanted.vcpus,
        processor: Processor.policy(isControlDomain: wanted.isPrivileged, vcpuLimit: wanted.vcpus),
        highestPort: wanted.highestPort, grants: grants))
  }

  /// Makes the vCPUs that the domain does not have yet, all down, until the stretch is over.
  ///
  /// - Returns: Whether it has all of them now.
  /// - Throws: `noMemory`; those made before stay.
  @discardableResult
  public static func addVCPUs(_ domain: Ref<Domain>) throws(XenError) -> Bool {
    for index in 0..<domain[].maximumVCPUs where domain[].vcpu(index: index) == nil {
      if Stretch.isOver { return false }
      let vcpu = try makeVCPU(domain, index)
      let isAdded = domain[].life.withLock { _ in
        guard domain[].vcpu(index: index) == nil else { return false }
        if domain[].pauseCount.load() > 0 { vcpu[].holds.fetchOr(VCPUHold.paused) }
        domain[].add(vcpu)
        return true
      }
      precondition(isAdded, "two CPUs made the same vCPU")
      Scheduler.admit(vcpu)
      Stretch.spend(32)
    }
    return true
  }

  private static func makeVCPU(_ domain: Ref<Domain>, _ index: Int) throws(XenError) -> Ref<VCPU> {
    // vCPUs beyond those of the shared page have a place of their own that nobody sees until the guest registers one.
    let isHidden = index >= SharedInfoLayout.legacyVCPUs
    // Large extended states (AVX-512) do not fit behind the record.
    let isLarge = VCPURoom.frames > 1
    let hidden: MachineFrame? = isHidden ? ledger[].allocateOwn() : nil
    let area: MachineFrame? = isLarge ? ledger[].allocateOwn() : nil
    func giveUp() {
      if let hidden { ledger[].freeOwn(hidden) }
      if let area { ledger[].freeOwn(area) }
    }
    guard (hidden != nil) == isHidden, (area != nil) == isLarge else {
      giveUp()
      throw .noMemory
    }
    let info =
      hidden.map { VCPUInfoPlace(frame: $0, offset: 0) }
      ?? VCPUInfoPlace(frame: domain[].sharedInfo, offset: index &* SharedInfoLayout.vcpuInfoSize)
    let made = RecordPool.makeVCPU { handle, room in
      VCPU(
        id: VCPUID(UInt32(index)), domain: domain, index: handle, info: info,
        extendedState: area.map { ExtendedStateArea(frame: $0) }
          ?? ExtendedStateArea(frame: room, offset: VCPURoom.extendedState),
        room: room, now: Hypervisor.now)
    }
    guard let vcpu = made else {
      giveUp()
      throw .noMemory
    }
    // What the record's frame held before is another's.
    vcpu.clearTraps()
    vcpu[].hiddenInfo = hidden
    vcpu[].cr4 = Ref<VCPU>.initialCR4
    vcpu[].debug[6] = DebugStatus.fixed
    vcpu[].debug[7] = DebugControl.fixed
    vcpu.publishTime()
    return vcpu
  }
}
