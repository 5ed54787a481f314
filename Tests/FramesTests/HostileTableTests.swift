// SPDX-License-Identifier: Apache-2.0
// Page tables as an enemy would make them. Whatever is refused leaves nothing behind.
import Testing
import XenABI

@testable import Frames
@testable import Machine

/// A table with something bad in it, and what the ledger must say.
private struct Hostile {
  let world: LedgerWorld
  let tables: Tables
  let l1: MachineFrame
  let l2: MachineFrame
  let l3: MachineFrame
  let l4: MachineFrame
  let data: MachineFrame

  /// A good tree of four levels, none of it in use yet.
  init(_ world: LedgerWorld) {
    self.world = world
    tables = Tables(world)
    (l1, l2, l3, l4, data) = (world.frame(), world.frame(), world.frame(), world.frame(), world.frame())
    PhysicalWindow.store(l4, word: 3, entry(l3, isWritable: true))
    PhysicalWindow.store(l3, word: 4, entry(l2, isWritable: true))
    PhysicalWindow.store(l2, word: 5, entry(l1, isWritable: true))
    PhysicalWindow.store(l1, word: 6, entry(data, isWritable: true))
  }

  /// Counts of all frames.
  func counts() -> [UInt64] {
    (0..<LedgerWorld.frames).flatMap {
      [world.count(MachineFrame($0)), world.type(MachineFrame($0)).count]
    }
  }

  /// Expects the pin to be refused, with nothing left behind.
  func refuses(
    _ frame: MachineFrame, _ level: Int, _ error: XenError = .invalid, _ rules: EntryRules? = nil,
    _ comment: Comment? = nil, location: SourceLocation = #_sourceLocation
  ) {
    let before = counts()
    let found = tables.pin(frame, level, rules)
    #expect(error == .invalid ? isRefused(found) : found == error, comment, sourceLocation: location)
    #expect(counts() == before, comment, sourceLocation: location)
    #expect(world.broken(isExact: false) == nil, comment, sourceLocation: location)
  }

  /// Expects the pin to succeed, and all to be as before when it has ended.
  func accepts(
    _ frame: MachineFrame, _ level: Int, _ rules: EntryRules? = nil, location: SourceLocation = #_sourceLocation
  ) {
    let before = counts()
    #expect(tables.pin(frame, level, rules) == nil, sourceLocation: location)
    #expect(world.broken(isExact: false) == nil, sourceLocation: location)
    #expect(tables.unpin(frame) == nil, sourceLocation: location)
    #expect(counts() == before, sourceLocation: location)
    #expect(world.broken(isExact: false) == nil, sourceLocation: location)
  }
}

/// Whether an operation was refused: EINVAL, or EBUSY for a frame that is the owner's and in another use.
private func isRefused(_ error: XenError?) -> Bool { error == .invalid || error == .busy }

@Suite struct HostileTableTests {
  @Test func aGoodTree() {
    LedgerWorld.run { world in
      let hostile = Hostile(world)
      hostile.accepts(hostile.l4, 4)
      hostile.accepts(hostile.l1, 1)
      #expect(hostile.tables.pin(hostile.l4, 4) == nil)
      #expect(world.type(hostile.data).type == .writable)
      for slot in HypervisorSpace.firstSlot..<HypervisorSpace.endSlot {
        #expect(PhysicalWindow.load(hostile.l4, word: slot) == PhysicalWindow.load(world.root, word: slot))
      }
      #expect(isRefused(hostile.tables.pin(hostile.l4, 4)))
      #expect(hostile.tables.unpin(hostile.l4) == nil)
      #expect(isRefused(hostile.tables.unpin(hostile.l4)))
      // The region's entries do not stay behind in a frame that is the guest's to read and write again.
      for slot in HypervisorSpace.firstSlot..<HypervisorSpace.endSlot {
        #expect(PhysicalWindow.load(hostile.l4, word: slot) == 0)
      }
    }
  }

  @Test func wrongOwner() {
    LedgerWorld.run { world in
      let hostile = Hostile(world)
      let foreign = world.frame(2)
      hostile.refuses(foreign, 1)
      for (table, index, level) in [(hostile.l1, 6, 1), (hostile.l2, 5, 2), (hostile.l3, 4, 3), (hostile.l4, 3, 4)] {
        for isWritable in [false, true] {
          let good = PhysicalWindow.load(table, word: index)
          for bad in [
            foreign, world.root, MachineFrame(1), MachineFrame(LedgerWorld.frames - 100),
            MachineFrame(LedgerWorld.frames), MachineFrame(1 << 27),
          ] {
            PhysicalWindow.store(table, word: index, entry(bad, isWritable: isWritable))
            // A frame beyond the ledger is device memory to level 1.
            let error: XenError = level == 1 && bad.number >= LedgerWorld.frames ? .notPermitted : .invalid
            hostile.refuses(table, level, error, nil, "level \(level), frame \(bad.number)")
            hostile.refuses(hostile.l4, 4, error, nil, "level \(level), frame \(bad.number), from the top")
          }
          PhysicalWindow.store(table, word: index, good)
        }
      }
      hostile.accepts(hostile.l4, 4)
    }
  }

  @Test func wrongLevel() {
    LedgerWorld.run { world in
      let hostile = Hostile(world)
      for (frame, right) in [(hostile.l1, 1), (hostile.l2, 2), (hostile.l3, 3), (hostile.l4, 4)] {
        #expect(hostile.tables.pin(frame, right) == nil)
        for wrong in 1...4 where wrong != right { #expect(isRefused(hostile.tables.pin(frame, wrong))) }
        #expect(hostile.tables.unpin(frame) == nil)
      }
      // An entry that skips a level: a frame is what it is used as, so this is a good tree, with other levels.
      PhysicalWindow.store(hostile.l3, word: 4, entry(hostile.l1))
      hostile.accepts(hostile.l4, 4)
      // A frame that is a table already cannot become one of another level below another tree.
      #expect(hostile.tables.pin(hostile.l1, 1) == nil)
      hostile.refuses(hostile.l4, 4)
      #expect(hostile.tables.unpin(hostile.l1) == nil)
    }
  }

  @Test func loops() {
    LedgerWorld.run { world in
      let hostile = Hostile(world)
      let all = [hostile.l1, hostile.l2, hostile.l3, hostile.l4]
      // Every entry of every table of the tree leads to every table of the tree, writable and not.
      let places = [(hostile.l1, 6, 1), (hostile.l2, 5, 2), (hostile.l3, 4, 3), (hostile.l4, 3, 4)]
      for (table, index, level) in places {
        let good = PhysicalWindow.load(table, word: index)
        for (number, target) in all.enumerated() {
          for isWritable in [false, true] {
            // Besides the good entry, so that the loop is closed.
            PhysicalWindow.store(table, word: 100, entry(target, isWritable: isWritable))
            let isSame = number + 1 == level
            let isGood = level == 1 ? !isWritable : isSame ? !isWritable : number + 1 == level - 1
            if isGood {
              hostile.accepts(hostile.l4, 4)
            } else {
              hostile.refuses(hostile.l4, 4, .invalid, nil, "level \(level) to \(number + 1)")
            }
          }
        }
        PhysicalWindow.store(table, word: 100, 0)
        PhysicalWindow.store(table, word: index, good)
      }
      hostile.accepts(hostile.l4, 4)
    }
  }

  @Test func linearTables() {
    LedgerWorld.run { world in
      let hostile = Hostile(world)
      let tables = hostile.tables
      // To itself: read-only only. Nothing keeps the table alive by this.
      #expect(tables.pin(hostile.l4, 4) == nil)
      #expect(isRefused(tables.update(hostile.l4, 7, entry(hostile.l4, isWritable: true))))
      #expect(tables.update(hostile.l4, 7, entry(hostile.l4)) == nil)
      #expect(world.type(hostile.l4).count == 1)
      // The entry cannot become writable afterwards.
      #expect(isRefused(tables.update(hostile.l4, 7, entry(hostile.l4, isWritable: true))))
      // Chains have one link: what is used linearly uses none, and the other way round.
      let (b, c) = (world.frame(), world.frame())
      #expect(tables.pin(b, 4) == nil)
      #expect(tables.pin(c, 4) == nil)
      #expect(tables.update(b, 1, entry(c)) == nil)
      #expect(isRefused(tables.update(hostile.l4, 8, entry(b))))
      #expect(isRefused(tables.update(c, 1, entry(hostile.l4))))
      #expect(tables.update(hostile.l4, 8, entry(c)) == nil)
      #expect(world.broken(isExact: false) == nil)
      // Without its pin the table lives by the two.
      #expect(tables.unpin(c) == nil)
      #expect(world.type(c).count == 2)
      #expect(tables.update(b, 1, 0) == nil)
      #expect(tables.unpin(hostile.l4) == nil)
      #expect(world.type(c).count == 0)
      #expect(tables.unpin(b) == nil)
      for frame in [hostile.l1, hostile.l2, hostile.l3, hostile.l4, b, c, hostile.data] {
        #expect(world.count(frame) == 1)
      }
      // Level 1 has no linear entries: a table maps itself read-only, or not at all.
      PhysicalWindow.store(hostile.l1, word: 7, entry(hostile.l1))
      hostile.accepts(hostile.l1, 1)
      PhysicalWindow.store(hostile.l1, word: 7, entry(hostile.l1, isWritable: true))
      hostile.refuses(hostile.l1, 1)
    }
  }

  @Test func reservedBitsAndLargePages() {
    LedgerWorld.run { world in
      let hostile = Hostile(world)
      let places = [(hostile.l1, 6, 1), (hostile.l2, 5, 2), (hostile.l3, 4, 3), (hostile.l4, 3, 4)]
      for (table, index, level) in places {
        let good = PhysicalWindow.load(table, word: index)
        for bit in 40..<52 as Range<UInt64> {
          PhysicalWindow.store(table, word: index, good | 1 << bit)
          hostile.refuses(hostile.l4, 4, .invalid, nil, "bit \(bit) at level \(level)")
        }
        for bits in [PTE.large, PTE.writeThrough, PTE.cacheDisable] {
          PhysicalWindow.store(table, word: index, good | bits)
          // Bit 7 is a large page above level 1, a choice of caching in it; choices need the right to devices.
          if level == 1 || bits == PTE.large {
            hostile.refuses(hostile.l4, 4, .invalid, nil, "bits \(bits) at level \(level)")
            hostile.refuses(table, level, .invalid, level == 1 ? nil : world.rules(mayMapDevices: true))
          } else {
            hostile.accepts(hostile.l4, 4)
          }
          if level == 1 { hostile.accepts(hostile.l4, 4, world.rules(mayMapDevices: true)) }
        }
        // What means nothing to a CPU, or everything to the guest only, is let through; the user bit is always set.
        PhysicalWindow.store(
          table, word: index, good & ~PTE.user | PTE.accessed | PTE.dirty | PTE.noExecute | 7 << 9 | 0x3f << 52)
        #expect(hostile.tables.pin(hostile.l4, 4) == nil)
        #expect(PhysicalWindow.load(table, word: index) & PTE.user != 0)
        #expect(level != 1 || PhysicalWindow.load(table, word: index) & PTE.grantMapping == 0)
        #expect(hostile.tables.unpin(hostile.l4) == nil)
        PhysicalWindow.store(table, word: index, good)
      }
    }
  }

  @Test func hypervisorSlots() {
    LedgerWorld.run { world in
      let hostile = Hostile(world)
      // Whatever stands in the region's slots before is replaced, looked at or not.
      for slot in 255...272 {
        PhysicalWindow.store(hostile.l4, word: slot, entry(world.root, isWritable: true))
        if (256...271).contains(slot) {
          hostile.accepts(hostile.l4, 4)
        } else {
          hostile.refuses(hostile.l4, 4)
          PhysicalWindow.store(hostile.l4, word: slot, 0)
        }
      }
      #expect(hostile.tables.pin(hostile.l4, 4) == nil)
      for slot in 255...272 {
        for value in [0, entry(hostile.l3), entry(hostile.l4)] {
          let expected: XenError? = (256...271).contains(slot) ? .invalid : nil
          #expect(hostile.tables.update(hostile.l4, slot, value) == expected)
        }
        #expect(world.broken(isExact: false) == nil)
      }
      // In the other levels they are places like any other.
      #expect(hostile.tables.update(hostile.l3, 260, entry(hostile.l2)) == nil)
    }
  }

  @Test func writableMappingsOfTables() {
    LedgerWorld.run { world in
      let hostile = Hostile(world)
      let all = [hostile.l1, hostile.l2, hostile.l3, hostile.l4]
      // Before: a frame that can be written becomes no table.
      for frame in all {
        #expect(world.takeWritable(frame))
        hostile.refuses(hostile.l4, 4)
        world.ledger[].dropWritable(frame)
      }
      // After: a table gets no writable mapping, by whatever way.
      #expect(hostile.tables.pin(hostile.l4, 4) == nil)
      for frame in all {
        #expect(isRefused(hostile.tables.update(hostile.l1, 9, entry(frame, isWritable: true))))
        #expect(hostile.tables.update(hostile.l1, 9, entry(frame)) == nil)
        #expect(isRefused(hostile.tables.update(hostile.l1, 9, entry(frame, isWritable: true))))
        #expect(!world.takeWritable(frame))
        #expect(throws: XenError.invalid) { try world.useDescriptors(frame) }
        #expect(throws: XenError.invalid) { try world.updateDescriptor(frame, 0, 0) }
      }
      // A descriptor page neither.
      try? world.useDescriptors(hostile.data)
      #expect(world.type(hostile.data).type == .writable, "it is mapped writable")
      #expect(hostile.tables.update(hostile.l1, 6, 0) == nil)
      try? world.useDescriptors(hostile.data)
      #expect(world.type(hostile.data).type == .descriptors)
      #expect(isRefused(hostile.tables.update(hostile.l1, 6, entry(hostile.data, isWritable: true))))
      #expect(hostile.tables.update(hostile.l1, 6, entry(hostile.data)) == nil)
      #expect(isRefused(hostile.tables.pin(hostile.data, 1)))
    }
  }

  @Test func foreignFrames() {
    LedgerWorld.run { world in
      let hostile = Hostile(world)
      let foreign = world.frame(2)
      #expect(hostile.tables.pin(hostile.l1, 1) == nil)
      #expect(isRefused(hostile.tables.update(hostile.l1, 9, entry(foreign))))
      // With the right to the other domain: its frames, and no others.
      let rules = world.rules(1, frames: 2)
      #expect(hostile.tables.update(hostile.l1, 9, entry(foreign, isWritable: true), rules) == nil)
      #expect(isRefused(hostile.tables.update(hostile.l1, 10, entry(hostile.data), rules)))
      #expect(isRefused(hostile.tables.update(hostile.l1, 11, entry(hostile.l1, isWritable: true), rules)))
      #expect(world.type(foreign).type == .writable)
      // Lower tables are never another's.
      #expect(hostile.tables.pin(hostile.l2, 2) == nil)
      #expect(isRefused(hostile.tables.update(hostile.l2, 9, entry(foreign), rules)))
      // While it is mapped writable it is nobody's table.
      let others = Tables(world, 2)
      #expect(isRefused(others.pin(foreign, 1)))
      #expect(!world.transfer(foreign, 2, 1))
      #expect(hostile.tables.update(hostile.l1, 9, 0) == nil)
      #expect(others.pin(foreign, 1) == nil)
    }
  }

  @Test func deviceFrames() {
    LedgerWorld.run { world in
      let hostile = Hostile(world)
      let inside = MachineFrame(LedgerWorld.frames - 1)
      let forbidden = MachineFrame(LedgerWorld.frames - 2)
      _ = world.ledger[].forbiddenDevices.insert(forbidden.number)
      _ = world.ledger[].forbiddenDevices.insert(0xfee00)
      #expect(hostile.tables.pin(hostile.l1, 1) == nil)
      let allowed = world.rules(mayMapDevices: true)
      for frame in [inside, MachineFrame(LedgerWorld.frames), MachineFrame((1 << 28) - 1)] {
        for isWritable in [false, true] {
          #expect(hostile.tables.update(hostile.l1, 9, entry(frame, isWritable: isWritable)) == .notPermitted)
          #expect(
            hostile.tables.update(hostile.l1, 9, entry(frame, isWritable: isWritable, PTE.cacheDisable), allowed) == nil
          )
          #expect(hostile.tables.update(hostile.l1, 9, 0) == nil)
        }
        hostile.refuses(frame, 1)
      }
      for frame in [forbidden, MachineFrame(0xfee00)] {
        #expect(hostile.tables.update(hostile.l1, 9, entry(frame), allowed) == .notPermitted)
      }
      #expect(world.broken(isExact: false) == nil)
    }
  }

  /// Who has been given one device chooses caching for it, and not for memory.
  @Test func cacheAttributesOfMemory() {
    LedgerWorld.run { world in
      let hostile = Hostile(world)
      #expect(hostile.tables.pin(hostile.l1, 1) == nil)
      let device = MachineFrame(LedgerWorld.frames + 5)
      let memory = MachineFrame(physical: PhysicalWindow.load(hostile.l1, word: 6) & PTE.frameMask)
      for bits in [PTE.writeThrough, PTE.cacheDisable, PTE.large, PTE.cacheAttributes] {
        #expect(hostile.tables.update(hostile.l1, 9, entry(memory, isWritable: true, bits)) == .invalid)
      }
      let isGiven = hostile.tables.session.work.deviceFrames.insert(device.number, through: device.number)
      #expect(isGiven)
      for bits in [PTE.writeThrough, PTE.cacheDisable, PTE.large, PTE.cacheAttributes] {
        #expect(hostile.tables.update(hostile.l1, 9, entry(memory, isWritable: true, bits)) == .invalid)
        #expect(hostile.tables.update(hostile.l1, 9, entry(memory, bits)) == .invalid)
        #expect(hostile.tables.update(hostile.l1, 9, entry(device, isWritable: true, bits)) == nil)
        #expect(hostile.tables.update(hostile.l1, 9, entry(device + 1, bits)) == .notPermitted)
        #expect(
          hostile.tables.update(hostile.l1, 9, entry(memory, isWritable: true, bits), world.rules(mayMapDevices: true))
            == nil)
      }
      #expect(hostile.tables.update(hostile.l1, 9, 0) == nil)
      #expect(world.broken(isExact: false) == nil)
    }
  }

  @Test func sharedFrames() {
    LedgerWorld.run { world in
      let hostile = Hostile(world)
      let shared = world.ledger[].allocateShared(with: DomainID(1))!
      world.held.add(shared, references: 1, uses: 1)
      // It can be mapped and written, but be nothing else: the hypervisor itself uses it.
      #expect(hostile.tables.pin(hostile.l1, 1) == nil)
      #expect(hostile.tables.update(hostile.l1, 9, entry(shared, isWritable: true)) == nil)
      #expect(isRefused(hostile.tables.pin(shared, 1)))
      #expect(throws: XenError.invalid) { try world.useDescriptors(shared) }
      #expect(isRefused(hostile.tables.update(shared, 0, 1)))
      #expect(!world.endAllocation(shared))
      #expect(!world.transfer(shared, 1, 2))
      #expect(world.broken() == nil)
      let free = world.freeFrames
      world.ledger[].endSharing(shared)
      #expect(world.freeFrames == free, "the domain still has it mapped")
      #expect(isRefused(hostile.tables.pin(shared, 1)))
      // Not even when it is only read any more: it is no part of the domain's own memory.
      #expect(hostile.tables.update(hostile.l1, 9, entry(shared)) == nil)
      #expect(isRefused(hostile.tables.pin(shared, 1)))
      #expect(hostile.tables.update(hostile.l1, 9, 0) == nil)
      #expect(world.freeFrames == free + 1)
      // One for reading is read by those who may act for DOMID_XEN, and never written.
      world.ledger[].shareReadOnly(world.root)
      #expect(isRefused(hostile.tables.update(hostile.l1, 9, entry(world.root))))
      let rules = world.rules(1, frames: DomainID.xen.raw)
      #expect(isRefused(hostile.tables.update(hostile.l1, 9, entry(world.root, isWritable: true), rules)))
      #expect(hostile.tables.update(hostile.l1, 9, entry(world.root), rules) == nil)
      #expect(world.broken(isExact: false) == nil)
      #expect(hostile.tables.update(hostile.l1, 9, 0) == nil)
    }
  }
}
