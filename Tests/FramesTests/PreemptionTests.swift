// SPDX-License-Identifier: Apache-2.0
// Work on page tables that stops after every possible number of entries: gone on with, or never come back to.
import Testing
import XenABI

@testable import Frames
@testable import Machine

/// A tree with many entries: 3 tables of level 2, 5 of level 1, linear entries, shared tables.
private struct Tree {
  let world: LedgerWorld
  let tables: Tables
  let top: MachineFrame
  let frames: [MachineFrame]
  let l1: [MachineFrame]

  init(_ world: LedgerWorld, hasBadEnd: Bool = false) {
    self.world = world
    tables = Tables(world)
    let top = world.frame()
    let (l3, l2, l1) = (world.frame(), (0..<3).map { _ in world.frame() }, (0..<5).map { _ in world.frame() })
    let data = (0..<3).map { _ in world.frame() }
    self.top = top
    self.l1 = l1
    frames = [top, l3] + l2 + l1 + data
    PhysicalWindow.store(top, word: 0, entry(l3))
    PhysicalWindow.store(top, word: 300, entry(l3, isWritable: true))
    PhysicalWindow.store(top, word: 511, entry(top))
    for (index, table) in l2.enumerated() { PhysicalWindow.store(l3, word: index * 9, entry(table)) }
    for (index, table) in l1.enumerated() {
      PhysicalWindow.store(l2[index % 3], word: index, entry(table))
      PhysicalWindow.store(l2[2], word: 200 + index, entry(table, isWritable: true))
      PhysicalWindow.store(table, word: 1, entry(data[0], isWritable: true))
      PhysicalWindow.store(table, word: 2, entry(l1[(index + 1) % 5]))
      PhysicalWindow.store(table, word: 3, entry(top))
      PhysicalWindow.store(table, word: 511, entry(data[2]))
    }
    if hasBadEnd { PhysicalWindow.store(l1[4], word: 511, entry(l1[0], isWritable: true)) }
  }

  /// The recount, and every frame with its allocation as the only reference.
  func isIdle() -> Bool {
    world.broken() == nil && frames.allSatisfy { world.count($0) == 1 && world.type($0).count == 0 }
  }
}

@Suite struct PreemptionTests {
  static let budgets = Array(1...40) + [50, 64, 65, 100, 200, 500, 900]

  @Test func pinAndUnpinAtEveryBudget() {
    LedgerWorld.run { world in
      let tree = Tree(world)
      for budget in PreemptionTests.budgets {
        tree.tables.budget = budget
        #expect(tree.tables.pin(tree.top, 4) == nil, "budget \(budget)")
        #expect(world.broken() == nil, "budget \(budget)")
        #expect(tree.tables.unpin(tree.top) == nil)
        #expect(tree.isIdle(), "budget \(budget)")
      }
      #expect(tree.tables.preemptions > 100)
    }
  }

  @Test func everyIntermediateStateIsConsistent() {
    LedgerWorld.run { world in
      let tree = Tree(world)
      for budget in [1, 2, 3, 7] {
        tree.tables.budget = budget
        var stretches = 0
        while tree.tables.once({ session throws(XenError) in
          try world.ledger[].pin(tree.top, level: 4, &session)
        }) == .restart {
          stretches += 1
          #expect(world.broken(nothingDies: false) == nil)
        }
        #expect(stretches > 2)
        #expect(world.type(tree.top).isPinned)
        try? world.ledger[].unpin(tree.top, owner: DomainID(1), &tree.tables.session.work)
        var isDone = false
        while !isDone {
          #expect(world.broken(nothingDies: false) == nil)
          isDone = tree.tables.stretch { world.ledger[].drain(&tree.tables.session.work) }
        }
        #expect(tree.isIdle())
      }
    }
  }

  @Test func abandonedHalfWayAndTakenBack() {
    LedgerWorld.run { world in
      let tree = Tree(world)
      for stretches in stride(from: 1, through: 60, by: 2) {
        for budget in [1, 3, 10] {
          tree.tables.budget = budget
          for _ in 0..<stretches {
            _ = tree.tables.once { session throws(XenError) in
              try world.ledger[].pin(tree.top, level: 4, &session)
            }
          }
          // The guest never comes back; its domain ends.
          for frame in tree.frames { world.ledger[].relinquish(frame, owner: DomainID(1), &tree.tables.session.work) }
          tree.tables.drain()
          #expect(tree.isIdle(), "\(stretches) stretches of \(budget)")
        }
      }
    }
  }

  @Test func theTopAloneTakesTheRestWithIt() {
    LedgerWorld.run { world in
      let tree = Tree(world)
      for stretches in 1...60 {
        tree.tables.budget = 3
        for _ in 0..<stretches {
          _ = tree.tables.once { session throws(XenError) in
            try world.ledger[].pin(tree.top, level: 4, &session)
          }
        }
        // Tables at which it was waiting have no other name that anybody would come back by.
        world.ledger[].relinquish(tree.top, owner: DomainID(1), &tree.tables.session.work)
        tree.tables.drain()
        #expect(tree.isIdle(), "\(stretches) stretches")
      }
    }
  }

  @Test func abandonedHalfWayAndUsedOtherwise() {
    LedgerWorld.run { world in
      let tree = Tree(world)
      let other = world.frame()
      #expect(tree.tables.pin(other, 1) == nil)
      for stretches in stride(from: 1, through: 40, by: 3) {
        for (number, frame) in tree.frames.enumerated() {
          tree.tables.budget = 5
          for _ in 0..<stretches {
            _ = tree.tables.once { session throws(XenError) in
              try world.ledger[].pin(tree.top, level: 4, &session)
            }
          }
          // A half-done table must not stand in its owner's way. (One that a half-done table above it holds must.)
          let isTable = world.type(frame).type.level != nil && world.type(frame).count > 0
          let error = tree.tables.update(other, 0, entry(frame, isWritable: true))
          #expect((error == nil) == !isTable, "\(stretches) stretches, frame \(number)")
          #expect(world.broken() == nil)
          if error == nil { #expect(tree.tables.update(other, 0, 0) == nil) }
          for frame in tree.frames { world.ledger[].relinquish(frame, owner: DomainID(1), &tree.tables.session.work) }
          tree.tables.drain()
          #expect(tree.isIdle())
        }
      }
    }
  }

  @Test func aBadEndTakesAllApart() {
    LedgerWorld.run { world in
      let tree = Tree(world, hasBadEnd: true)
      for budget in PreemptionTests.budgets {
        tree.tables.budget = budget
        #expect(tree.tables.pin(tree.top, 4) == .busy, "budget \(budget)")
        #expect(tree.isIdle(), "budget \(budget)")
      }
    }
  }

  @Test func emptyTablesCostSomething() {
    LedgerWorld.run { world in
      // Many tables without an entry: a guest's memory full of them must not be gone through in one stretch.
      let tables = Tables(world)
      let top = world.frame()
      for index in 0..<100 { PhysicalWindow.store(top, word: index, entry(world.frame())) }
      tables.budget = 160
      #expect(tables.pin(top, 2) == nil)
      #expect(tables.preemptions >= 8)
      let before = tables.preemptions
      #expect(tables.unpin(top) == nil)
      #expect(tables.preemptions >= before + 8)
      #expect(world.broken() == nil)
    }
  }

  @Test func twoTreesHalfWay() {
    LedgerWorld.run { world in
      let tree = Tree(world)
      let second = world.frame()
      PhysicalWindow.store(second, word: 2, PhysicalWindow.load(tree.top, word: 0))
      for stretches in 1...30 {
        tree.tables.budget = 4
        for index in 0..<stretches {
          _ = tree.tables.once { session throws(XenError) in
            try world.ledger[].pin(index & 1 == 0 ? tree.top : second, level: 4, &session)
          }
          #expect(world.broken(nothingDies: false) == nil)
        }
        for frame in [tree.top, second] where !world.type(frame).isPinned { #expect(tree.tables.pin(frame, 4) == nil) }
        #expect(world.broken() == nil)
        #expect(tree.tables.unpin(second) == nil)
        #expect(tree.tables.unpin(tree.top) == nil)
        #expect(tree.isIdle())
      }
    }
  }

  @Test func entriesOfLiveTablesAtEveryBudget() {
    LedgerWorld.run { world in
      let tree = Tree(world)
      let top = world.frame()
      #expect(tree.tables.pin(top, 4) == nil)
      for budget in PreemptionTests.budgets {
        tree.tables.budget = budget
        #expect(tree.tables.update(top, 9, PhysicalWindow.load(tree.top, word: 0)) == nil)
        #expect(world.broken() == nil)
        #expect(tree.tables.update(top, 9, 0) == nil)
        #expect(world.broken() == nil)
        #expect(tree.isIdle())
      }
    }
  }
}
