// SPDX-License-Identifier: Apache-2.0
// Each rule of the ledger by its name: that it holds where it could break, and that the recount sees it broken.
import Testing
import XenABI

@testable import Frames
@testable import Machine

/// A small good tree in use, and access to the ledger's words to break them.
private struct Scene {
  let world: LedgerWorld
  let tables: Tables
  let l1: MachineFrame
  let l2: MachineFrame
  let data: MachineFrame
  var ledger: Ref<FrameLedger> { world.ledger }

  init(_ world: LedgerWorld) {
    self.world = world
    tables = Tables(world)
    (l1, l2, data) = (world.frame(), world.frame(), world.frame())
    PhysicalWindow.store(l1, word: 0, entry(data, isWritable: true))
    PhysicalWindow.store(l2, word: 0, entry(l1))
    #expect(tables.pin(l2, 2) == nil)
    #expect(world.broken() == nil)
  }

  /// Changes one word of a frame, expects the rule to be seen broken, and changes it back.
  func expect(
    _ rule: String, _ frame: MachineFrame, type: UInt64? = nil, count: UInt64? = nil, owner: UInt64? = nil,
    location: SourceLocation = #_sourceLocation
  ) {
    let indices = [ledger[].typeIndex(frame), ledger[].countIndex(frame), ledger[].ownerIndex(frame)]
    let before = indices.map { ledger[].words.load($0) }
    for (index, value) in zip(indices, [type, count, owner]) { if let value { ledger[].words.store(index, value) } }
    let broken = world.broken()
    #expect(broken?.hasPrefix(rule) == true, "\(broken ?? "nothing")", sourceLocation: location)
    for (index, value) in zip(indices, before) { ledger[].words.store(index, value) }
    #expect(world.broken() == nil, sourceLocation: location)
  }

  /// Changes an entry behind the ledger's back, and back again.
  func expect(
    _ rule: String, _ table: MachineFrame, entry index: Int, _ value: UInt64,
    location: SourceLocation = #_sourceLocation
  ) {
    let before = PhysicalWindow.load(table, word: index)
    PhysicalWindow.store(table, word: index, value)
    let broken = world.broken()
    #expect(broken?.hasPrefix(rule) == true, "\(broken ?? "nothing")", sourceLocation: location)
    PhysicalWindow.store(table, word: index, before)
    #expect(world.broken() == nil, sourceLocation: location)
  }

  func word(_ frame: MachineFrame) -> TypeWord { ledger[].type(frame) }
  func countWord(_ frame: MachineFrame) -> UInt64 { ledger[].words.load(ledger[].countIndex(frame)) }
}

@Suite struct InvariantTests {
  @Test func I1_aTypeChangesOnlyAtZero() {
    LedgerWorld.run { world in
      let scene = Scene(world)
      // Every type against every other use.
      let frame = world.frame()
      let takers: [(String, () -> Bool, () -> Void)] = [
        ("writable", { world.takeWritable(frame) }, { world.ledger[].dropWritable(frame) }),
        (
          "descriptors", { (try? world.useDescriptors(frame)) != nil },
          { world.ledger[].stopUsingDescriptors(frame) }
        ),
        ("L1", { scene.tables.use(frame, 1) == nil }, { scene.tables.stopUsing(frame) }),
        ("L2", { scene.tables.use(frame, 2) == nil }, { scene.tables.stopUsing(frame) }),
        ("L3", { scene.tables.use(frame, 3) == nil }, { scene.tables.stopUsing(frame) }),
        ("L4", { scene.tables.use(frame, 4) == nil }, { scene.tables.stopUsing(frame) }),
      ]
      for (name, take, drop) in takers {
        #expect(take(), "\(name)")
        for (other, attempt, undo) in takers {
          let isDone = attempt()
          #expect(isDone == (name == other), "\(other) while \(name)")
          if isDone { undo() }
          #expect(world.count(frame) == 2 && world.type(frame).count == 1)
        }
        drop()
        #expect(world.count(frame) == 1 && world.type(frame).count == 0)
      }
      scene.expect("I1", frame, type: TypeWord(.none, count: 1).raw)
      scene.expect("I1", frame, type: 9 << 60 | 1)
    }
  }

  @Test func I2_onlyValidatedTablesAreUsed() {
    LedgerWorld.run { world in
      let scene = Scene(world)
      scene.expect("I2", scene.l1, type: scene.word(scene.l1).raw & ~TypeWord.validated)
      scene.expect("I2", scene.l1, type: scene.word(scene.l1).raw | TypeWord.partial)
      scene.expect("I2", scene.l2, entry: 7, entry(scene.l1, PTE.large))
      scene.expect("I2", scene.l1, entry: 7, scene.data.physical | PTE.present)
      let top = world.frame()
      #expect(scene.tables.pin(top, 4) == nil)
      scene.expect("I2", top, entry: 256, 0)
      scene.expect("I2", top, entry: 271, entry(scene.data))
      let descriptors = world.frame()
      #expect((try? world.useDescriptors(descriptors)) != nil)
      world.held.add(descriptors, references: 1, uses: 1)
      scene.expect("I2", descriptors, entry: 1, 0x0000_8900_0000_0067)
    }
  }

  @Test func I3_entriesHoldWhatTheyPointTo() {
    LedgerWorld.run { world in
      let scene = Scene(world)
      // One use too many or too few.
      scene.expect("I3", scene.data, type: scene.word(scene.data).raw + 1)
      scene.expect("I3", scene.l1, type: scene.word(scene.l1).raw + 1)
      // Entries that were never admitted.
      scene.expect("I3", scene.l1, entry: 5, entry(scene.data, isWritable: true))
      scene.expect("I3", scene.l1, entry: 5, entry(scene.l1, isWritable: true))
      scene.expect("I3", scene.l1, entry: 5, entry(world.root))
      scene.expect("I3", scene.l2, entry: 5, entry(scene.data))
      scene.expect("I3", scene.l2, entry: 5, entry(scene.l2, isWritable: true))
      scene.expect("I3", scene.l2, entry: 5, entry(world.frame(2)))
      let other = world.frame()
      #expect(scene.tables.pin(other, 2) == nil)
      scene.expect("I3", scene.l2, entry: 5, entry(other))
      #expect(scene.tables.update(scene.l2, 5, entry(other)) == nil)
      #expect(world.broken() == nil)
      scene.expect("I3", other, owner: 1)
    }
  }

  @Test func I4_aPinIsAReferenceAndAUse() {
    LedgerWorld.run { world in
      let scene = Scene(world)
      #expect(world.count(scene.l2) == 2 && scene.word(scene.l2).count == 1)
      scene.expect("I3", scene.l2, type: scene.word(scene.l2).raw & ~TypeWord.pinned)
      scene.expect(
        "I4", scene.data, type: TypeWord(.writable, count: 1, flags: TypeWord.validated | TypeWord.pinned).raw)
      #expect(scene.tables.pin(scene.l1, 1) == nil)
      #expect(world.count(scene.l1) == 3 && scene.word(scene.l1).count == 2)
      #expect(scene.tables.pin(scene.l1, 1) == .invalid)
      #expect(world.count(scene.l1) == 3 && scene.word(scene.l1).count == 2)
      // A pinned table outlives the end of its allocation, and no longer.
      #expect(world.endAllocation(scene.l1))
      #expect(scene.tables.unpin(scene.l2) == nil)
      #expect(world.owner(scene.l1) == DomainID(1))
      #expect(world.broken() == nil)
      #expect(scene.tables.unpin(scene.l1) == nil)
      #expect(world.owner(scene.l1) == .invalid)
      #expect(scene.tables.unpin(scene.l1) == .invalid)
      #expect(world.broken() == nil)
    }
  }

  @Test func I5_everyUseComesWithAReference() {
    LedgerWorld.run { world in
      let scene = Scene(world)
      scene.expect("I5", scene.data, count: scene.countWord(scene.data) - 1)
      scene.expect("I5", scene.data, count: scene.countWord(scene.data) + 1)
      scene.expect("I5", scene.l1, count: FrameLedger.allocated | 1)
      #expect(world.take(scene.data))
      #expect(world.broken()?.hasPrefix("I5") == true)
      world.ledger[].drop(scene.data)
      #expect(world.broken() == nil)
    }
  }

  @Test func I6_framesAreFreedAtZeroOnly() {
    LedgerWorld.run { world in
      let scene = Scene(world)
      let frame = world.frame()
      let free = world.freeFrames
      #expect(world.take(frame))
      #expect(world.endAllocation(frame))
      #expect(!world.endAllocation(frame))
      #expect(world.freeFrames == free)
      world.ledger[].drop(frame)
      #expect(world.freeFrames == free + 1)
      #expect(!world.take(frame))
      #expect(world.owned(1) == 3)
      scene.expect("I6", frame, count: 1)
      scene.expect("I6", scene.data, count: FrameLedger.allocated)
      scene.expect("I6", frame, owner: UInt64(DomainID.io.raw))
      scene.expect("I6", frame, type: TypeWord(.writable, count: 1).raw)
    }
  }

  @Test func referencesStopAtTheLimit() {
    LedgerWorld.run { world in
      let scene = Scene(world)
      let index = world.ledger[].countIndex(scene.l2)
      let before = world.ledger[].words.load(index)
      world.ledger[].words.store(index, before & ~FrameLedger.countMask | FrameLedger.countLimit)
      #expect(!world.take(scene.l2))
      #expect(!world.takeWritable(scene.l2))
      #expect(scene.tables.update(scene.l1, 3, entry(scene.l2)) == .busy)
      // Even so the table can be taken apart: a guest with as many mappings must not stop the machine.
      try? world.ledger[].unpin(scene.l2, owner: DomainID(1), &scene.tables.session.work)
      #expect(world.type(scene.l2).isPinned, "unpinning takes a reference first, and is refused")
      scene.tables.stopUsing(scene.l2)
      #expect(world.count(scene.l2) == FrameLedger.countLimit - 1)
      #expect(world.type(scene.l2).count == 0)
    }
  }

  @Test func T1_theQueueIsDrainedFirst() {
    LedgerWorld.run { world in
      let scene = Scene(world)
      let other = world.frame()
      try? world.ledger[].unpin(scene.l2, owner: DomainID(1), &scene.tables.session.work)
      let isEmpty = scene.tables.session.work.isEmpty
      #expect(!isEmpty)
      #expect(world.broken()?.hasPrefix("T1") == true)
      #expect(world.broken(nothingDies: false) == nil)
      // Nothing is validated before.
      scene.tables.budget = 1
      let error = scene.tables.once { session throws(XenError) in
        try world.ledger[].pin(other, level: 1, &session)
      }
      #expect(error == .restart)
      #expect(world.type(other).raw == 0)
      #expect(scene.tables.pin(other, 1) == nil)
      #expect(world.broken() == nil)
    }
  }

  @Test func A1_accountsSayWhatIsAllocated() {
    LedgerWorld.run { world in
      world.ledger[].accounts.setLimit(DomainID(2), 5)
      let frames = (0..<5).map { _ in world.frame(2) }
      #expect(world.ledger[].allocate(for: DomainID(2)) == nil)
      #expect(world.ledger[].allocate(for: DomainID(2), order: 2) == nil)
      let mine = world.frame(1)
      #expect(!world.transfer(mine, 1, 2), "the other is at its limit")
      #expect(world.endAllocation(frames[0], 2))
      #expect(world.transfer(mine, 1, 2))
      #expect(!world.transfer(mine, 1, 2))
      for (domain, count) in [(1, 0), (2, 5)] as [(UInt16, UInt64)] {
        #expect(world.owned(domain) == count)
        #expect(world.ledger[].recountOwned(DomainID(domain)) == count)
      }
      world.ledger[].accounts.setLimit(DomainID(2), UInt64.max)
      #expect(world.ledger[].allocate(for: DomainID(2), order: 18) == nil)
      #expect(world.ledger[].allocate(for: DomainID(2), order: 63) == nil)
      #expect(world.ledger[].allocate(for: DomainID(2), order: 64) == nil)
      #expect(world.owned(2) == 5)
    }
  }
}
