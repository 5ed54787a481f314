// SPDX-License-Identifier: Apache-2.0
// Destroying domains with everything that can hang on one: nothing is left, and what others hold lasts until they let go.
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Frames

@Suite struct DestructionTests {
  /// A second life for every test below: the first takes memory that stays (a larger registry, free records).
  func repeated(_ body: (EndWorld) throws -> Void) throws {
    try EndWorld.run { world in
      for _ in 0..<3 {
        let before = world.balance
        try body(world)
        world.settle()
        #expect(world.brokenRule() == nil)
        #expect(world.balance == before)
        #expect(Ref<Hypervisor>.shared[].endedCount.load() == 0)
        #expect(MachineMemory.outstandingClaims == 0)
      }
    }
  }

  @Test(arguments: Resource.allCases) func withOneResource(resource: Resource) throws {
    try repeated { world in
      let domain = try world.make()
      let id = domain[].id
      try resource.give(domain, world)
      world.destroy(domain)
      world.settle()
      #expect(Hypervisor.domain(id) == nil)
    }
  }

  @Test func withAllResources() throws {
    try repeated { world in
      let domain = try world.make(vcpus: 40)
      for resource in Resource.allCases { try resource.give(domain, world) }
      #expect(world.destroy(domain) > 1)
      world.settle()
    }
  }

  /// Both orders, and both at once, of two domains that use all they can of each other.
  @Test(arguments: 0..<4) func twoThatUseEachOther(order: Int) throws {
    try repeated { world in
      let pair = [try world.make(), try world.make()]
      for (one, other) in [(pair[0], pair[1]), (pair[1], pair[0])] {
        let frame = ledger[].allocate(for: one[].id)!
        one[].grants.withLock {
          _ = $0.seed(GrantReference(8), grantee: other[].id, guestFrame: UInt32(frame.number))
        }
        for _ in 0..<60 { try map(by: other, of: one, GrantReference(8)) }
        let waiting = try Events.allocateUnbound(one, remote: other[].id)
        _ = try Events.connect(other, to: one, port: waiting)
        try Resource.pinnedTables.give(one, world)
      }
      switch order {
      case 0:
        world.destroy(pair[0])
        world.settle()
        // The other still maps its frame: it stays, but can be had no more.
        #expect(Hypervisor.domain(pair[0][].id) == pair[0])
        #expect(throws: GrantStatus.badDomain) { try map(by: pair[1], of: pair[0], GrantReference(8)) }
        #expect(ledger[].accounts.owned(pair[0][].id) == 1)
        #expect(world.brokenRule() == nil)
        world.destroy(pair[1])
      case 1:
        world.destroy(pair[1])
        world.destroy(pair[0])
      case 2:
        var left = [pair[0], pair[1]]
        while !left.isEmpty {
          left = left.filter { !$0.destroy() }
          world.pause()
        }
      default:
        _ = pair[0].destroy()
        world.destroy(pair[1])
        world.destroy(pair[0])
      }
      world.settle()
      #expect(Hypervisor.domain(pair[0][].id) == nil || pair[0][].destruction.stage == .none)
    }
  }

  /// What Domain 0 has mapped of a dead domain's stays until it lets go, and its number with it.
  @Test(arguments: [false, true]) func foreignMappings(isShared: Bool) throws {
    try repeated { world in
      let domain = try world.make()
      let id = domain[].id
      let table = domain[].grants.withLock { $0.frame(ofTableIndex: 0)! }
      let frame = ledger[].allocate(for: id)!
      for kept in isShared ? [domain[].sharedInfo, table] : [frame] {
        let isTaken = ledger[].takeWritable(kept, owner: id)
        #expect(isTaken)
      }
      PhysicalWindow.store(isShared ? table : frame, word: 7, 0x1234)
      world.destroy(domain)
      world.settle()
      #expect(Hypervisor.domain(id) == domain && domain[].isDying)
      #expect(PhysicalWindow.load(isShared ? table : frame, word: 7) == 0x1234)
      #expect(world.brokenRule() == nil)
      #expect(throws: XenError.exists) { try DomainNumbers.reserve(wanted: id.raw) }
      #expect(domain.destroy(), "again is done at once")
      if isShared {
        ledger[].dropWritable(table)
        world.settle()
        #expect(Hypervisor.domain(id) != nil)
      }
      ledger[].dropWritable(isShared ? domain[].sharedInfo : frame)
      world.settle()
      #expect(Hypervisor.domain(id) == nil)
    }
  }

  @Test func grantsOfTheDeadLastUntilUnmapped() throws {
    try repeated { world in
      let domain = try world.make()
      let frame = ledger[].allocate(for: domain[].id)!
      domain[].grants.withLock {
        _ = $0.seed(GrantReference(9), grantee: DomainID(0), guestFrame: UInt32(frame.number))
      }
      let handle = try map(by: world.control, of: domain, GrantReference(9))
      world.destroy(domain)
      world.settle()
      #expect(ledger[].count(frame) == 1 && ledger[].owner(frame) == domain[].id)
      unmap(by: world.control, handle)
      #expect(ledger[].count(frame) == 0)
      world.settle()
      #expect(Hypervisor.domain(DomainID(1)) == nil)
    }
  }

  /// D1: a domain that is dying gets nothing more, at any stage of its end.
  @Test func nothingMoreIsGiven() throws {
    try repeated { world in
      let domain = try world.make()
      let id = domain[].id
      let waiting = try Events.allocateUnbound(world.control, remote: id)
      _ = ledger[].allocate(for: id, order: 9)!
      var isDone = false
      while !isDone {
        isDone = domain.destroy()
        let more = ledger[].allocate(for: id)
        let given = ledger[].allocate(for: DomainID(0))!
        let isMoved = ledger[].transfer(given, from: DomainID(0), to: id)
        #expect(more == nil && !isMoved)
        _ = ledger[].endAllocation(given, owner: DomainID(0))
        #expect(throws: XenError.invalid) { try Events.allocateUnbound(domain, remote: DomainID(0)) }
        #expect(throws: XenError.invalid) { try Events.connect(domain, to: world.control, port: waiting) }
        #expect(throws: XenError.invalid) { try MachineMemory.claim(domain, total: 1) }
        #expect(domain[].grants.withLock { $0.reserveHandle() } == nil)
        #expect(domain[].grants.withLock { !$0.grow(to: 2) })
        ledger[].accounts.setLimit(id, 1000)
        world.pause()
      }
      try Events.close(world.control, port: waiting)
    }
  }

  /// The end does not come while a CPU may still be at work for somebody who had not seen the mark, or uses its tables.
  @Test func waitsForEveryCPU() throws {
    try EndWorld.run { world in
      let domain = try world.make()
      world.world.onCPUs([{}])
      #expect(!domain.destroy())
      for _ in 0..<5 {
        world.pause()
        #expect(!domain.destroy() && domain[].destruction.stage == .quieting, "CPU 1 has not paused")
      }
      #expect(Ref<Hypervisor>.shared[].cpus[1]![].work.load() & CPUWork.grace != 0)
      let period = domain[].destruction.period
      Ref<Hypervisor>.shared[].cpus[1]![].lastPause.store(period)
      ledger[].accounts.startTranslating(domain[].id, cpu: 1)
      #expect(!domain.destroy() && domain[].destruction.stage == .quieting, "CPU 1 has its tables loaded")
      ledger[].accounts.stopTranslating(domain[].id, cpu: 1)
      CPUs.setOnline(1, false)
      world.destroy(domain)
    }
  }

  /// R1: a record is not used again before every CPU has paused.
  @Test func recordsWaitForAGracePeriod() throws {
    try EndWorld.run { world in
      let domain = try world.make()
      let vcpu = domain[].vcpu(index: 0)!
      world.destroy(domain)
      #expect(domain[].destruction.stage == .retired && Hypervisor.domain(DomainID(1)) == nil)
      #expect(RecordPool.keptFrames == 0 && vcpu[].domain == domain)
      #expect(throws: XenError.restart) { try DomainNumbers.reserve(wanted: 1) }
      let other = try world.make()
      #expect(other != domain && other[].id.raw == 2)
      world.settle()
      #expect(RecordPool.keptFrames > 0)
      let again = try world.make(1)
      #expect(again == domain && again[].id.raw == 1 && again[].vcpu(index: 0) == vcpu && !again[].isDying)
      world.destroy(other)
      world.destroy(again)
    }
  }

  /// Memory comes back scrubbed.
  @Test func memoryIsScrubbed() throws {
    try EndWorld.run { world in
      let domain = try world.make()
      while let frame = ledger[].allocate(for: domain[].id) { PhysicalWindow.store(frame, word: 5, 0x5ec4e7) }
      world.destroy(domain)
      world.settle()
      let next = try world.make()
      ledger[].accounts.setLimit(next[].id, world.world.frames)
      while let frame = ledger[].allocate(for: next[].id) { #expect(PhysicalWindow.load(frame, word: 5) == 0) }
      world.destroy(next)
    }
  }

  @Test func twoHundredTimes() throws {
    try EndWorld.run { world in
      var balance: UInt64?
      for turn in 0..<200 {
        let domain = try world.make(vcpus: 1 + turn % 3)
        #expect(domain[].id.raw == UInt16(turn + 1))
        for (index, resource) in Resource.allCases.enumerated() where turn % (index + 2) == 0 {
          try resource.give(domain, world)
        }
        world.destroy(domain)
        world.settle()
        // The ends of channels that are left.
        var port: UInt32 = 0
        while !Events.closeAll(world.control, next: &port, count: 100) {}
        if turn > 2 {
          if let balance { #expect(world.balance == balance) } else { balance = world.balance }
        }
      }
      #expect(world.brokenRule() == nil)
    }
  }

  /// A domain that cannot be made for want of memory leaves nothing behind, whichever piece is missing.
  @Test func creationThatFails() throws {
    try EndWorld.run { world in
      world.destroy(try world.make(vcpus: 3))
      world.settle()
      var hoard: [MachineFrame] = []
      while let frame = ledger[].allocateOwn() { hoard.append(frame) }
      var made = false
      var failures = 0
      while !made {
        let before = world.balance
        do throws(XenError) {
          let id = try DomainNumbers.reserve(wanted: 9)
          var wanted = DomainSpecification(
            id: id, isPrivileged: false, mayUseHardware: false, vcpus: 40, frameLimit: 0)
          wanted.isBuiltByTools = false
          let domain = try DomainCreation.create(wanted)
          made = true
          world.destroy(domain)
          world.settle()
        } catch {
          failures += 1
          #expect(error == .noMemory)
          #expect(Hypervisor.domain(DomainID(9)) == nil)
        }
        let after = world.balance
        #expect(made || after == before)
        if let one = hoard.popLast() { ledger[].freeOwn(one) }
      }
      #expect(failures > 40)
      for frame in hoard { ledger[].freeOwn(frame) }
      #expect(world.brokenRule() == nil)
    }
  }

  /// Numbers go up, around, and past those that are taken.
  @Test func numbers() throws {
    try EndWorld.run { world in
      #expect(try DomainNumbers.reserve(wanted: 0).raw == 1)
      #expect(try DomainNumbers.reserve(wanted: 3).raw == 3)
      #expect(throws: XenError.exists) { try DomainNumbers.reserve(wanted: 3) }
      #expect(try DomainNumbers.reserve(wanted: 0x7ff0).raw == 2, "no ordinary number: any")
      #expect(try DomainNumbers.reserve(wanted: 0xffff).raw == 4)
      DomainNumbers.free(DomainID(1))
      #expect(try DomainNumbers.reserve(wanted: 0).raw == 5, "not at once again")
      #expect(try DomainNumbers.reserve(wanted: 0x7fef).raw == 0x7fef)
      #expect(Ref<Hypervisor>.shared[].domains.capacity > 0x7fef)
      Ref<Hypervisor>.shared[].numbers.withLock { $0.last = 0x7fee }
      #expect(try DomainNumbers.reserve(wanted: 0).raw == 1, "around, past the highest")
      let high = try world.make(0x7000)
      #expect(Hypervisor.domain(DomainID(0x7000)) == high)
      world.destroy(high)
    }
  }

  /// Random creations, gifts, mappings, stretches of destruction and pauses; the rules hold after each few steps, and all is
  /// free at the end, however short the stretches are (units of `Stretch`; zero for any length).
  @Test(arguments: 1...4 as ClosedRange<UInt64>, [0, 1, 40, 700]) func randomOrder(seed: UInt64, units: Int) throws {
    try EndWorld.run(frames: 16384) { world in
      world.units = units == 0 ? nil : units
      var random = SeededGenerator(seed: seed)
      var living: [Ref<Domain>] = []
      var dying: [Ref<Domain>] = []
      var held: [MachineFrame] = []
      var handles: [UInt32] = []
      let before = world.balance
      for step in 0..<400 {
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1: if living.count < 6 { living.append(try world.make(vcpus: Int.random(in: 1...3, using: &random))) }
        case 2, 3, 4:
          guard let domain = living.randomElement(using: &random) else { continue }
          let resource = Resource.allCases.randomElement(using: &random)!
          // Each can be given once only, or takes what another has.
          let once: [Resource] = [
            .basePointers, .descriptors, .ownInfo, .virtualInterrupts, .fifoQueues, .claim, .secondGrantVersion,
            .ownGrants, .bigMemory, .ports, .connectedPorts,
          ]
          if !once.contains(resource) { try resource.give(domain, world) }
        case 5:
          guard let domain = living.randomElement(using: &random) else { continue }
          guard let frame = ledger[].allocate(for: domain[].id) else { continue }
          if ledger[].takeWritable(frame, owner: domain[].id) { held.append(frame) }
        case 6:
          guard let domain = living.randomElement(using: &random) else { continue }
          guard let frame = ledger[].allocate(for: domain[].id) else { continue }
          let reference = GrantReference(UInt32.random(in: 8..<500, using: &random))
          domain[].grants.withLock {
            _ = $0.seed(reference, grantee: DomainID(0), guestFrame: UInt32(frame.number))
          }
          if let handle = try? map(by: world.control, of: domain, reference) { handles.append(handle) }
        case 7:
          if let index = held.indices.randomElement(using: &random) { ledger[].dropWritable(held.remove(at: index)) }
          if let index = handles.indices.randomElement(using: &random) {
            unmap(by: world.control, handles.remove(at: index))
          }
        case 8:
          if let index = living.indices.randomElement(using: &random) { dying.append(living.remove(at: index)) }
        default: break
        }
        for index in dying.indices.reversed() where Bool.random(using: &random) {
          if world.stretch(dying[index]) { dying.remove(at: index) }
        }
        if Bool.random(using: &random) { world.pause() }
        if step % 50 == 0 { #expect(world.brokenRule(nothingDies: dying.isEmpty) == nil) }
      }
      for domain in living + dying { world.destroy(domain) }
      for frame in held { ledger[].dropWritable(frame) }
      for handle in handles { unmap(by: world.control, handle) }
      world.settle()
      #expect(world.brokenRule() == nil)
      #expect(world.balance == before)
    }
  }
}
