// SPDX-License-Identifier: Apache-2.0
// Rule F1: a frame gets a new type, or a new owner, only when no CPU can still have a translation from its old use.
import Testing
import XenABI

@testable import Frames
@testable import Machine

@Suite struct FlushTests {
  /// How many flushes of this CPU and requests to others `body` leads to.
  private func flushes(_ body: () -> Void) -> (local: UInt64, remote: UInt64) {
    let before = (Simulation.flushes, Simulation.interruptsSent)
    body()
    return (Simulation.flushes - before.0, Simulation.interruptsSent - before.1)
  }

  /// A world in which CPU 0 runs domain 1, CPU 1 domain 2, and CPU 2 nobody.
  private func run(_ body: (LedgerWorld, Tables) -> Void) {
    LedgerWorld.run { world in
      defer { for cpu in 1...2 { CPUs.setOnline(cpu, false) } }
      for cpu in 1...2 { CPUs.setOnline(cpu, true) }
      CPUs.setStarted(3)
      world.ledger[].accounts.startTranslating(DomainID(1), cpu: 0)
      world.ledger[].accounts.startTranslating(DomainID(2), cpu: 1)
      body(world, Tables(world))
      CPUs.setStarted(1)
    }
  }

  @Test func F1_aTypeChangeFlushesTheOwnersCPUs() {
    run { world, tables in
      let frame = world.frame()
      _ = world.takeWritable(frame)
      world.ledger[].dropWritable(frame)
      #expect(flushes { _ = tables.pin(frame, 1) } == (1, 0))
      #expect(flushes { _ = tables.unpin(frame) } == (0, 0))
      // Back again: others than the guest's kernel may have read the table through it.
      #expect(flushes { _ = world.takeWritable(frame) } == (1, 0))
      world.ledger[].dropWritable(frame)
      // A flush in between is enough, for either change.
      _ = tables.pin(frame, 1)
      _ = tables.unpin(frame)
      TLB.flushLocal()
      #expect(flushes { _ = world.takeWritable(frame) } == (0, 0))
      world.ledger[].dropWritable(frame)
      TLB.flushLocal()
      #expect(flushes { _ = tables.pin(frame, 2) } == (0, 0))
      _ = tables.unpin(frame)
      #expect(flushes { try? world.useDescriptors(frame) } == (1, 0))
      // The same type again needs none.
      world.ledger[].stopUsingDescriptors(frame)
      _ = world.takeWritable(frame)
      world.ledger[].dropWritable(frame)
      #expect(flushes { _ = world.takeWritable(frame) } == (0, 0))
    }
  }

  @Test func F1_otherCPUsAreAsked() {
    run { world, tables in
      world.ledger[].accounts.startTranslating(DomainID(1), cpu: 2)
      let frame = world.frame()
      _ = world.takeWritable(frame)
      world.ledger[].dropWritable(frame)
      #expect(flushes { _ = tables.pin(frame, 1) } == (1, 1))
      world.ledger[].accounts.stopTranslating(DomainID(1), cpu: 2)
      _ = tables.unpin(frame)
      #expect(flushes { _ = world.takeWritable(frame) } == (1, 0))
    }
  }

  @Test func F1_aFrameThatOthersMapFlushesAll() {
    run { world, tables in
      // Domain 1 maps a frame of domain 2's, with the right to, and unmaps it.
      let table = world.frame()
      let foreign = world.frame(2)
      _ = tables.pin(table, 1)
      #expect(tables.update(table, 0, entry(foreign, isWritable: true), world.rules(1, frames: 2)) == nil)
      #expect(tables.update(table, 0, 0) == nil)
      // Whoever may have the translation, domain 2's own CPU is not the one.
      let others = Tables(world, 2)
      #expect(flushes { _ = others.pin(foreign, 1) } == (1, 2))
      // A fresh frame does not remember.
      _ = others.unpin(foreign)
      _ = world.endAllocation(foreign, 2)
      let again = world.frame(2)
      _ = world.takeWritable(again, 2)
      world.ledger[].dropWritable(again)
      #expect(flushes { _ = others.pin(again, 1) } == (0, 1))
    }
  }

  @Test func F1_freedFramesAreFlushedWhenAllocated() {
    run { world, tables in
      let frame = world.frame()
      TLB.flushLocal()
      #expect(world.endAllocation(frame))
      #expect(flushes { _ = world.frame(2) } == (1, 2))
      // All have flushed since.
      #expect(flushes { _ = world.frame(2) } == (0, 0))
      _ = world.endAllocation(world.frame(2), 2)
      #expect(flushes { _ = world.ledger[].allocateOwn() } == (1, 2))
    }
  }

  /// A frame that was cleared when nobody could reach it any more asks for no flush (F2), whatever others free meanwhile.
  @Test func F1_cleanFramesAskForNoFlush() {
    run { world, _ in
      for cpu in 1...2 { CPUs.setOnline(cpu, false) }
      let dirty = world.frame()
      while world.ledger[].scrubSome() {}
      for cpu in 1...2 { CPUs.setOnline(cpu, true) }
      #expect(world.endAllocation(dirty))
      #expect(flushes { _ = world.ledger[].allocate(for: DomainID(2), order: 5) } == (0, 0))
    }
  }

  /// Who gives frames back asks nobody to flush; who allocates them does, once.
  @Test func F1_givingBackAsksNobody() {
    run { world, _ in
      let frames = (0..<20).map { _ in world.frame() }
      let given = flushes { for frame in frames { _ = world.endAllocation(frame) } }
      #expect(given.remote == 0)
    }
  }

  /// An idle CPU that clears memory does not disturb the others for each few frames that somebody frees.
  @Test func scrubbersAskSeldom() {
    run { world, _ in
      Stretch.setRate(hertz: UInt64.max)
      defer { Stretch.setRate(hertz: 0) }
      world.ledger[].rest[].scrubbersFlush.store(Stretch.time)
      #expect(world.endAllocation(world.frame()))
      let asked = flushes { _ = world.ledger[].scrubSome() }
      #expect(asked == (0, 0))
      world.ledger[].rest[].scrubbersFlush.store(Stretch.time &- UInt64.max / 512)
      let askedLater = flushes { _ = world.ledger[].scrubSome() }
      #expect(askedLater.remote == 2)
    }
  }

  @Test func F1_aTransferEndsReadingToo() {
    run { world, tables in
      // Never written, so no stamp tells of the old owner's mapping.
      let table = world.frame()
      let frame = world.frame()
      _ = tables.pin(table, 1)
      #expect(tables.update(table, 0, entry(frame)) == nil)
      #expect(tables.update(table, 0, 0) == nil)
      #expect(flushes { _ = world.transfer(frame, 1, 2) } == (1, 0))
      #expect(flushes { _ = world.transfer(frame, 2, 1) } == (0, 1))
    }
  }

  @Test func theStampOfFreedFramesOnlyGrows() {
    run { world, _ in
      TLB.flushLocal()
      let stamp = TLB.clock
      world.ledger[].noteFreed(stamp)
      world.ledger[].noteFreed(stamp - 1)
      #expect(world.ledger[].rest[].freeStamp.load() == stamp)
      world.ledger[].noteFreed(stamp + 1)
      #expect(world.ledger[].rest[].freeStamp.load() == stamp + 1)
    }
  }

  @Test func W1_oldDataIsCleared() {
    run { world, _ in
      for _ in 0..<3 {
        let frame = world.frame()
        for word in 0..<512 { #expect(PhysicalWindow.load(frame, word: word) == 0) }
        PhysicalWindow.store(frame, word: 77, 0x5ec2e7)
        _ = world.endAllocation(frame)
        let block = world.ledger[].allocate(for: DomainID(2), order: 3)!
        for index in 0..<8 as Range<UInt64> { #expect(PhysicalWindow.load(block + index, word: 77) == 0) }
        for index in 0..<8 as Range<UInt64> { _ = world.endAllocation(block + index, 2) }
        let own = world.ledger[].allocateOwn(order: 2)!
        for index in 0..<4 as Range<UInt64> { #expect(PhysicalWindow.load(own + index, word: 77) == 0) }
        PhysicalWindow.store(own, word: 77, 0x5ec2e7)
        world.ledger[].freeOwn(own, order: 2)
      }
    }
  }
}
