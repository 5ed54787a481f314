// SPDX-License-Identifier: Apache-2.0
// Domains that are made as the toolstack makes them, and everything that can hang on one when it is destroyed.
import Foundation
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Frames

/// A machine with a Domain 0, in which domains come and go.
final class EndWorld {
  let world: SimulatedMachine
  let control: Ref<Domain>
  let tally: LedgerTally

  /// Runs `body` in a fresh machine.
  static func run<R>(frames: UInt64 = 8192, _ body: (EndWorld) throws -> R) rethrows -> R {
    try SimulatedMachine.run(MachinePlan(frames: frames)) { try body(EndWorld($0)) }
  }

  private init(_ world: SimulatedMachine) {
    self.world = world
    var features = CPUFeatures.detect()
    features.physicalBits = 40
    features.xsave = false
    features.publish()
    Ref<MachineMemory>.create(
      in: world.ownFrames(Ref<MachineMemory>.framesNeeded), MachineMemory(map: E820Map())
    ).publish()
    control = world.makeDomain(0, isPrivileged: true, mayUseHardware: true)
    tally = LedgerTally(storage: world.ownFrames(LedgerTally.framesNeeded(for: world.frames)), frames: world.frames)
    // Domain 0's first handle takes a frame, which stays.
    control[].grants.withLock { $0.maptrack.free($0.maptrack.reserve()!) }
    // So does its 49th port.
    for _ in 0..<130 { _ = try! Events.allocateUnbound(control, remote: DomainID(0)) }
    for port in 1...130 as ClosedRange<UInt32> { try! Events.close(control, port: EventPort(port)) }
    precondition(brokenRule() == nil)
  }

  /// Frames that are free, or kept for the records of new domains: what must be the same before and after.
  var balance: UInt64 { ledger[].freeFrames + RecordPool.keptFrames }

  /// A new domain without anything, of the next number or a wanted one.
  func make(_ wanted: UInt16 = 0, vcpus: Int = 1, limit: UInt64 = 4096) throws -> Ref<Domain> {
    var specification = DomainSpecification(
      id: try DomainNumbers.reserve(wanted: wanted), isPrivileged: false, mayUseHardware: false, vcpus: vcpus,
      frameLimit: limit)
    specification.isBuiltByTools = true
    let domain = try DomainCreation.create(specification)
    try DomainCreation.addVCPUs(domain)
    return domain
  }

  /// Every CPU passes through a guest, and looks after the dead.
  func pause() {
    inStretch {
      world.pause()
      Reaper.attendIfNeeded()
    }
  }

  /// After how many units of work the stretches of destruction are over; nil for never.
  var units: Int?

  private func inStretch<R>(_ body: () -> R) -> R {
    Stretch.begin()
    Simulation.stretchUnits = units
    defer { Simulation.stretchUnits = nil }
    return body()
  }

  /// Destroys a domain; gives in how many stretches.
  @discardableResult
  func destroy(_ domain: Ref<Domain>) -> Int {
    var calls = 1
    while !stretch(domain) {
      calls += 1
      precondition(calls < 100_000, "destruction does not end")
      pause()
    }
    return calls
  }

  /// One stretch of a domain's destruction.
  func stretch(_ domain: Ref<Domain>) -> Bool {
    inStretch { domain.destroy() }
  }

  /// Until nothing more happens by itself: what is left of domains may take any number of stretches.
  func settle() {
    var (still, last) = (0, balance)
    while still < 20 {
      pause()
      (still, last) = balance == last ? (still + 1, last) : (0, balance)
    }
  }

  /// The first broken rule, of the ledger or of what a number that is free again must not own.
  /// `nothingDies`: no destruction has been left half-way, with tables in its queue.
  func brokenRule(nothingDies: Bool = true) -> String? {
    if let broken = ledger[].firstBrokenRule(
      tally, hypervisorRoot: Ref<Hypervisor>.shared[].tables.root, nothingDies: nothingDies)
    {
      return "\(broken.rule), frame \(broken.frame.number)"
    }
    for number in 0..<world.frames {
      let owner = ledger[].owner(MachineFrame(number))
      // A domain off the list keeps its number until its records are free.
      let isTaken = Ref<Hypervisor>.shared[].numbers.withLock { $0.isTaken(owner.raw & 0x7fff) }
      if owner.isOrdinary && !isTaken && Hypervisor.domain(owner) == nil {
        return "frame \(number) is owned by nobody, \(owner.raw)"
      }
    }
    for id in 0..<64 as Range<UInt16> {
      guard let domain = Hypervisor.domain(DomainID(id)) else { continue }
      if ledger[].recountOwned(DomainID(id)) != ledger[].accounts.owned(DomainID(id)) { return "A1: domain \(id)" }
      if let rule = domain[].grants.withLock({ $0.brokenRule() }) { return "\(rule), domain \(id)" }
    }
    return nil
  }
}

/// One kind of thing that a domain can have when it is destroyed.
enum Resource: CaseIterable {
  case memory, bigMemory, pinnedTables, halfValidated, basePointers, writableMapping, descriptors, ownInfo, ports
  case connectedPorts, virtualInterrupts, fifoQueues, timers, watchdog, claim, runnable, secondGrantVersion, ownGrants
  case surrendered, givenTables, memoryMap, rareTraps, manyGrants

  /// Gives it to a domain.
  func give(_ domain: Ref<Domain>, _ world: EndWorld) throws {
    let id = domain[].id
    let vcpu = domain[].vcpu(index: 0)!
    func frame() -> MachineFrame { ledger[].allocate(for: id)! }
    switch self {
    case .memory: for _ in 0..<5 { _ = frame() }
    case .bigMemory: for _ in 0..<2 { _ = ledger[].allocate(for: id, order: 8)! }
    case .pinnedTables: try pin(tables(domain), domain)
    case .givenTables:
      // The allocation ends while the pin lasts.
      let root = tables(domain)
      try pin(root, domain)
      _ = ledger[].endAllocation(root, owner: id)
    case .halfValidated:
      let root = tables(domain)
      Stretch.begin()
      Simulation.stretchUnits = 4
      let isStopped = domain.changingTables { session in
        do throws(XenError) { try ledger[].pin(root, level: 4, &session) } catch { return error == .restart }
        return false
      }
      #expect(isStopped)
      Simulation.stretchUnits = nil
      #expect(ledger[].type(root).isPartial)
    case .basePointers:
      let (kernel, user) = (tables(domain), tables(domain))
      try domain.changingTables { session in
        try ledger[].use(kernel, level: 4, &session)
        try ledger[].use(user, level: 4, &session)
      }
      vcpu[].kernelTable = kernel
      vcpu[].userTable = user
    case .writableMapping, .surrendered:
      let one = frame()
      let isTaken = ledger[].takeWritable(one, owner: id)
      #expect(isTaken)
      if self == .surrendered { _ = ledger[].endAllocation(one, owner: id) }
      ledger[].dropWritable(one)
    case .descriptors:
      let one = frame()
      PhysicalWindow.clear(one)
      try ledger[].useDescriptors(one, owner: id)
      var frames = InlineArray<16, MachineFrame>(repeating: .invalid)
      frames[0] = one
      vcpu.setGDT(frames, count: 1, entries: 512)
    case .ownInfo:
      let one = frame()
      let isTaken = ledger[].takeWritable(one, owner: id)
      #expect(isTaken)
      vcpu.moveInfo(to: VCPUInfoPlace(frame: one, offset: 64))
    case .ports:
      for _ in 0..<700 { _ = try Events.allocateUnbound(domain, remote: DomainID(0)) }
    case .connectedPorts:
      for _ in 0..<40 {
        let theirs = try Events.allocateUnbound(world.control, remote: id)
        _ = try Events.connect(domain, to: world.control, port: theirs)
        let mine = try Events.allocateUnbound(domain, remote: DomainID(0))
        _ = try Events.connect(world.control, to: domain, port: mine)
        let own = try Events.allocateUnbound(domain, remote: id)
        _ = try Events.connect(domain, to: domain, port: own)
      }
    case .virtualInterrupts:
      _ = try Events.bindVIRQ(domain, virq: VirtualInterrupt.timer, vcpu: 0)
      _ = try Events.bindIPI(domain, vcpu: 0)
    case .fifoQueues:
      _ = try Events.initControl(domain, vcpu: 0, frame: frame(), offset: 0)
      try Events.expandArray(domain, frame: frame())
    case .timers: vcpu.changeTimers { $0.oneShot = Hypervisor.now &+ 1 << 40 }
    case .watchdog:
      domain[].life.withLock { $0.watchdogs[1] = Hypervisor.now &+ 1 << 40 }
      Watchdogs.update(domain)
    case .memoryMap:
      var map = E820Map()
      // More than one range: one alone takes no frame.
      _ = map.append(E820Entry(start: 0, size: 0x1000, kind: 1))
      _ = map.append(E820Entry(start: 0x1000, size: 0x1000, kind: 2))
      let isSet = domain[].memory.withLock { $0.setMap(map) }
      #expect(isSet && domain[].memory.withLock { $0.map.count } == 2)
    case .rareTraps: try vcpu.setTrap(vector: 0x40, word: 0xe033 << 16, address: 0x1000)
    case .manyGrants:
      // More than the domain's room can name the frames of.
      let isLong = domain[].grants.withLock { $0.grow(to: 30) }
      #expect(isLong)
    case .claim: try MachineMemory.claim(domain, total: ledger[].accounts.owned(id) + 10)
    case .runnable:
      vcpu[].holds.store(0)
      Scheduler.settle(vcpu)
    case .secondGrantVersion:
      try domain[].grants.withLock { table in
        try table.setVersion(2)
        _ = table.grow(to: 20)
      }
    case .ownGrants:
      let one = frame()
      domain[].grants.withLock { _ = $0.seed(GrantReference(3), grantee: id, guestFrame: UInt32(one.number)) }
      try map(by: domain, of: domain, GrantReference(3))
    }
  }

  /// Four tables over a few data frames, not validated yet.
  private func tables(_ domain: Ref<Domain>) -> MachineFrame {
    let id = domain[].id
    var lower: [MachineFrame] = (0..<6).map { _ in ledger[].allocate(for: id)! }
    for level in 1...4 {
      let table = ledger[].allocate(for: id)!
      PhysicalWindow.clear(table)
      for (index, frame) in lower.enumerated() {
        let rights = PTE.present | PTE.user | (level > 1 || index % 2 == 0 ? PTE.writable : 0)
        PhysicalWindow.store(table, word: index * 3, frame.physical | rights)
      }
      lower = [table]
    }
    return lower[0]
  }

  private func pin(_ root: MachineFrame, _ domain: Ref<Domain>) throws {
    try domain.changingTables { session in
      try ledger[].pin(root, level: 4, &session)
    }
  }
}

/// A mapping as GNTTABOP_map_grant_ref for devices makes it: a pin with the granter, a handle with who maps.
@discardableResult
func map(by mapper: Ref<Domain>, of granter: Ref<Domain>, _ reference: GrantReference) throws -> UInt32 {
  let flags: GrantMapFlags = [.deviceMap]
  guard let handle = mapper[].grants.withLock({ $0.reserveHandle() }) else { throw GrantStatus.noSpace }
  let id = mapper[].id
  let pinned: GrantStatus? = granter[].grants.withLock { table in
    do throws(GrantStatus) {
      _ = try table.pin(reference, for: id, GrantPins(flags), mapping: true)
      return nil
    } catch { return error }
  }
  if let pinned {
    mapper[].grants.withLock { $0.maptrack.free(handle) }
    throw pinned
  }
  mapper[].grants.withLock { $0.maptrack.set(handle, MaptrackEntry(granter[].id, reference, flags)) }
  return handle
}

/// The end of such a mapping.
func unmap(by mapper: Ref<Domain>, _ handle: UInt32) {
  guard let entry = mapper[].grants.withLock({ $0.maptrack.claim(handle) }) else { return }
  let granter = Hypervisor.domain(entry.granter)!
  granter[].grants.withLock { $0.unpin(entry.reference, GrantPins(entry.flags)) }
  mapper[].grants.withLock { $0.maptrack.free(handle) }
}
