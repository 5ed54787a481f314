// SPDX-License-Identifier: Apache-2.0
// The ledger under several CPUs at once, in every order of their steps (docs/testing.md, "Exploring"): rules F1 and I2 while
// frames change their type, and references of strangers.
import Exploration
import Testing
import XenABI

@testable import Frames
@testable import Machine

/// A machine with one domain whose tables map 2 MiB, and the lock of its page tables.
private final class Space {
  let world: LedgerWorld
  let root: MachineFrame
  let level2: MachineFrame
  let level1: MachineFrame
  let lock: Ref<Lock<TableSession>>
  var ledger: Ref<FrameLedger> { world.ledger }

  /// `writable` of the domain's frames are mapped from address 0 on; the other entries are empty. CPUs that have the address
  /// space loaded are noted.
  init(_ world: LedgerWorld, mapped: [(frame: MachineFrame, isWritable: Bool)], cpus: [Int]) {
    self.world = world
    (root, level2, level1) = (world.frame(), world.frame(), world.frame())
    let level3 = world.frame()
    for (index, each) in mapped.enumerated() {
      PhysicalWindow.store(level1, word: index, entry(each.frame, isWritable: each.isWritable))
    }
    PhysicalWindow.store(level2, word: 0, entry(level1, isWritable: true))
    PhysicalWindow.store(level3, word: 0, entry(level2, isWritable: true))
    PhysicalWindow.store(root, word: 0, entry(level3, isWritable: true))
    precondition(Tables(world).pin(root, 4) == nil)
    lock = Ref<Lock<TableSession>>.create(in: world.ledger[].allocateOwn()!, Lock(.pageTables, TableSession()))
    for cpu in cpus { world.ledger[].accounts.startTranslating(DomainID(1), cpu: cpu) }
  }

  /// Runs an operation on the page tables under their lock, to its end.
  @discardableResult
  func changing(
    _ body: (borrowing FrameLedger, inout TableSession) throws(XenError) -> Void
  ) -> XenError? {
    lock[].withLock { session in
      session.obey(world.rules(1))
      var error: XenError?
      do throws(XenError) { try body(ledger[], &session) } catch let caught {
        error = caught
      }
      precondition(ledger[].drain(&session.work))
      return error
    }
  }
  @discardableResult func update(_ table: MachineFrame, _ index: Int, _ value: UInt64) -> XenError? {
    changing { ledger, session throws(XenError) in
      try ledger.updateEntry(EntryChange(table, index, to: value), &session)
    }
  }
  @discardableResult func pin(_ frame: MachineFrame, level: Int) -> XenError? {
    changing { ledger, session throws(XenError) in try ledger.pin(frame, level: level, &session) }
  }

  /// The scenario with these programs; all CPUs have the address space loaded.
  func scenario(_ name: String, _ programs: [(Space) -> Void]) -> Scenario<Space> {
    var scenario = Scenario(name, setup: { self }, cpus: programs, check: { $0.world.broken(isExact: false) })
    for cpu in 1..<programs.count { scenario.prepare(cpu: cpu) { Simulation.useTables(root: self.root) } }
    Simulation.useTables(root: root)
    scenario.judge = { $0.verdict(self.ledger[], owner: DomainID(1)) }
    return scenario
  }
}

@Suite struct HandshakeTests {
  private func run(_ body: (LedgerWorld) -> Void) {
    LedgerWorld.run { world in
      defer {
        for cpu in 1..<8 { CPUs.setOnline(cpu, false) }
        CPUs.setStarted(1)
      }
      body(world)
    }
  }

  @Test func F1_aSecondTakerOfANewTypeWaitsForTheFlushToo() {
    run { world in
      let (page, secret) = (world.frame(), world.frame(2))
      let space = Space(world, mapped: [(page, true)], cpus: [0, 1, 2])
      // CPU 2 remembers where walks of the first 2 MiB go on. CPU 0 takes that table away from there, without a flush; then CPUs
      // 0 and 1 write to it, as one may to a frame that is no table. What they write must never be walked.
      let forged = entry(secret, isWritable: true)
      var scenario = space.scenario(
        "two takers of a new type",
        [
          { space in
            space.update(space.level2, 0, 0)
            try? space.ledger[].updateDescriptor(space.level1, 8, forged, owner: DomainID(1))
          },
          { space in try? space.ledger[].updateDescriptor(space.level1, 9, forged, owner: DomainID(1)) },
          { _ in
            Guest.read(0)
            Guest.read(8 << 12)
            Guest.read(9 << 12)
          },
        ])
      // Nothing but the outcome counts: does the guest get at what is not its own?
      scenario.judge = { $0.frame == secret ? "F1: a forged entry was walked" : nil }
      let outcome = scenario.explore()
      #expect(outcome.failure == nil, "\(outcome)")
      #expect(outcome.schedules >= 10_000 || outcome.isComplete, "\(outcome)")
    }
  }

  @Test func F1_aStampIsNotOlderThanTheLastUse() {
    run { world in
      let page = world.frame()
      let space = Space(world, mapped: [], cpus: [0, 1])
      // CPU 0 has the page for a moment, as when it clears it, and then makes it a page table. CPU 1 flushes, maps it, writes to it
      // and takes the mapping back, while CPU 0 lets it go; then it writes again by what it remembers.
      let outcome = space.scenario(
        "the last use",
        [
          { space in
            guard space.ledger[].takeWritable(page, owner: DomainID(1)) else { return }
            space.ledger[].dropWritable(page)
            space.pin(page, level: 1)
          },
          { space in
            TLB.flushLocal()
            space.update(space.level1, 0, entry(page, isWritable: true))
            Guest.write(0, 0)
            space.update(space.level1, 0, 0)
            Guest.write(0, 0)
          },
        ]
      ).explore(Effort(limit: 20_000))
      #expect(outcome.failure == nil, "\(outcome)")
      #expect(outcome.isComplete, "\(outcome)")
    }
  }

  @Test func F2_aFrameThatIsFreedWhileOthersAreScrubbed() {
    run { world in
      while world.scrub() {}
      let first = world.ledger[].allocate(for: DomainID(1), order: 6)!
      let space = Space(world, mapped: [(first, true)], cpus: [0, 1, 2])
      for offset in 1..<UInt64(64) { _ = world.endAllocation(first + offset) }
      // CPU 1 frees the last frame that makes scrubbing worth the while, CPU 2 still writes to it, CPU 0 scrubs.
      var scenario = space.scenario(
        "freed while others are scrubbed",
        [
          { _ = $0.world.scrub() },
          { space in
            space.update(space.level1, 0, 0)
            _ = space.world.endAllocation(first)
          },
          { _ in for _ in 0..<4 { Guest.write(0, 7) } },
        ])
      scenario.judge = { _ in nil }
      scenario.check = { space in
        let isMarkedClean = space.ledger[].words.load(space.ledger[].countIndex(first)) == 0
        return isMarkedClean && PhysicalWindow.load(first, word: 0) != 0 ? "F2: a clean frame holds data" : nil
      }
      // A scrubber reads sixteen frames in each run, which makes runs long.
      let outcome = scenario.explore(Effort(limit: 300, random: 100))
      #expect(outcome.failure == nil, "\(outcome)")
    }
  }

  @Test func aStrangersTakeDoesNotSpoilTheOwnersCall() {
    run { world in
      let frame = world.frame(1)
      var outcome = Scenario(
        "a stranger takes", setup: { world },
        cpus: [
          { Explored.require($0.transfer(frame, 1, 2), "the owner's transfer fails") },
          { for _ in 0..<2 { _ = $0.ledger[].take(frame, owner: DomainID(3)) } },
        ]
      ).explore()
      #expect(outcome.failure == nil && outcome.isComplete, "\(outcome)")

      // One who owned it until just now may still be about to find that out.
      world.ledger[].accounts.setLimit(DomainID(3), 8)
      let was = world.frame(3)
      outcome = Scenario(
        "the former owner takes", setup: { world },
        cpus: [
          { world in
            guard world.transfer(was, 3, 1) else { return }
            var list = WithheldFrames(order: 0)
            Explored.require(
              world.ledger[].withhold(was, from: DomainID(1), into: &list), "the owner's exchange fails")
          },
          { if $0.ledger[].take(was, owner: DomainID(3)) { $0.ledger[].drop(was) } },
        ]
      ).explore()
      #expect(outcome.failure == nil && outcome.isComplete, "\(outcome)")
    }
  }
}
