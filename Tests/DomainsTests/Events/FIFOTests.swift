// SPDX-License-Identifier: Apache-2.0
// FIFO delivery: setting it up, events that come early, ports that change queues, and guests that spoil their pages.
import Domains
import Hypercalls
import Machine
import SimulatedMachine
import Testing
import XenABI

@Suite struct FIFOTests {
  @Test func setUpAndRefusals() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1, vcpus: 2))
      let other = Guest(world, world.makeDomain(2))
      let foreign = UInt32(world.guestFrame(other.domain).number)
      #expect(guest.call(.initControl, [foreign, 0, 0, 0]) == -22)
      #expect(guest.call(.initControl, [UInt32(guest.frame.number), 0, 4024, 1, 0, 0]) == 0)
      #expect(guest.result(4) & 0xff == 17)
      #expect(guest.call(.initControl, [UInt32(guest.frame.number), 0, 1024, 1, 0, 0]) == -22)
      #expect(guest.call(.expandArray, [foreign, 0]) == -22)
      #expect(guest.call(.expandArray, [0xffff_ffff, 0xffff_ffff]) == -22)
      for _ in 0..<128 { #expect(guest.expand() == 0) }
      #expect(guest.expand() == -28)
      // The last port of all, reached by its word.
      for page in guest.array { #expect(ledger[].type(page).count == 1) }
      #expect(guest.reset() == 0)
      for page in guest.array { #expect(ledger[].type(page).count == 0 && ledger[].count(page) == 1) }
      #expect(guest.call(.expandArray, [UInt32(guest.frame.number), 0]) == -95)
      #expect(guest.call(.initControl, [UInt32(guest.frame.number), 0, 0, 1, 0, 0]) == 0)
    }
  }

  @Test func eventsBeforeTheWordAreKept() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1, vcpus: 2))
      #expect(guest.useFIFO(pages: 0) == 0)
      #expect(guest.bindIPI(1) == 1)
      #expect(guest.bindIPI(1) == 2)
      #expect(guest.bindIPI(1) == 3)
      #expect(guest.send(1) == 0)
      #expect(guest.send(3) == 0)
      #expect(guest.send(2) == 0)
      #expect(guest.close(2) == 0)
      #expect(!guest.hasUpcall(1))
      let isPending = try? Events.isPending(guest.domain, port: EventPort(3))
      #expect(isPending == true)
      guest.clearUpcall(1)
      #expect(guest.expand() == 0)
      #expect(guest.hasUpcall(1))
      #expect(guest.consumeOne(1)?.port == 1)
      #expect(guest.consumeOne(1)?.port == 3)
      #expect(guest.consumeOne(1) == nil)
      // Ports of the second page.
      for port in 4...1030 { #expect(guest.bindIPI(0) == (port == 4 ? 2 : port - 1)) }
      #expect(guest.send(1029) == 0)
      #expect(guest.expand() == 0)
      #expect(guest.consumeOne(0)?.port == 1029)
    }
  }

  @Test func eventsBeforeTheControlBlockAreKept() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1, vcpus: 2))
      guest.heads = Array(repeating: 0, count: 32)
      guest.ready = [0, 0]
      #expect(guest.initControl(0) == 0)
      #expect(guest.expand() == 0)
      #expect(guest.bindIPI(1) == 1)
      #expect(guest.bindIPI(1) == 2)
      #expect(guest.setPriority(2, 0) == 0)
      #expect(guest.send(1) == 0)
      #expect(guest.send(2) == 0)
      guest.clearUpcall(1)
      #expect(guest.initControl(1) == 0)
      #expect(guest.hasUpcall(1))
      #expect(guest.consumeOne(1)?.port == 2)
      #expect(guest.consumeOne(1)?.port == 1)
      #expect(guest.consumeOne(1) == nil)
    }
  }

  /// Rule Q3 of EventQueues, step by step.
  @Test func tailThatMovedIsForgotten() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1, vcpus: 2))
      #expect(guest.useFIFO() == 0)
      for port in 1...3 { #expect(guest.allocateUnbound(0x7ff0) == port) }
      for port in 4...6 { #expect(guest.connect(0x7ff0, port - 3) == port) }
      while guest.consumeOne(0) != nil {}
      // Port 4 goes through the queue of vCPU 0 and then into that of vCPU 1; port 5 must still arrive at vCPU 0.
      #expect(guest.send(1) == 0)
      #expect(guest.consumeOne(0)?.port == 4)
      #expect(guest.bindVCPU(4, 1) == 0)
      #expect(guest.send(1) == 0)
      #expect(guest.send(2) == 0)
      #expect(guest.consumeOne(0)?.port == 5)
      #expect(guest.consumeOne(1)?.port == 4)
      #expect(guest.consumeOne(1) == nil)
    }
  }

  @Test func freedPortInAQueueIsNotGivenOut() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1))
      #expect(guest.useFIFO() == 0)
      #expect(guest.bindIPI(0) == 1)
      #expect(guest.send(1) == 0)
      #expect(guest.close(1) == 0)
      #expect(guest.bindIPI(0) == 2)
      #expect(guest.consumeOne(0)! == (1, false))
      #expect(guest.bindIPI(0) == 1)
    }
  }

  @Test func busyDoesNotStay() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1))
      #expect(guest.useFIFO() == 0)
      for port in 1...3 { #expect(guest.bindIPI(0) == port) }
      guest.setBits(1, Guest.busyBit)
      #expect(guest.send(1) == 0)
      #expect(guest.word(1) == Guest.pendingBit | Guest.linkedBit)
      guest.setBits(1, Guest.busyBit)
      #expect(guest.send(2) == 0)
      #expect(guest.word(1) == Guest.pendingBit | Guest.linkedBit | 2)
      guest.setBits(1, Guest.busyBit)
      #expect(guest.send(1) == 0)
      #expect(guest.word(1) == Guest.pendingBit | Guest.linkedBit | 2)
      guest.setBits(3, Guest.busyBit | Guest.pendingBit | Guest.maskedBit)
      #expect(guest.unmask(3) == 0)
      #expect(guest.word(3) == Guest.pendingBit | Guest.linkedBit)
    }
  }

  @Test func portsBeyondTheOldLimit() {
    SimulatedMachine.run(MachinePlan(frames: 8192)) { world in
      let guest = Guest(world, world.makeDomain(1))
      #expect(guest.useFIFO(pages: 6) == 0)
      for port in 1...6000 {
        guard guest.bindIPI(0) == port else {
          Issue.record("port \(port)")
          return
        }
      }
      #expect(guest.send(6000) == 0)
      #expect(guest.consumeOne(0)! == (6000, true))
      #expect(guest.reset() == 0)
      #expect(guest.send(6000) == -22)
      #expect(guest.bindIPI(0) == 1)
    }
  }

  /// Whatever stands in the guest's pages: no trap, no end of time, nothing at the other domain, all frames given back.
  @Test func spoiledPagesHurtTheirOwnerOnly() {
    SimulatedMachine.run { world in
      var random = SeededGenerator(seed: 7)
      let bad = Guest(world, world.makeDomain(1, vcpus: 2))
      let good = Guest(world, world.makeDomain(2))
      #expect(bad.useFIFO() == 0)
      #expect(good.useFIFO() == 0)
      for port in 1...8 { #expect(bad.allocateUnbound(2) == port) }
      for port in 1...8 { #expect(good.connect(1, port) == port) }
      while good.consumeOne(0) != nil {}
      for turn in 0..<30_000 {
        let page = bad.array[0]
        switch turn % 3 {
        case 0: PhysicalWindow.store32(page, word: Int.random(in: 0...12, using: &random), random.next32())
        case 1:
          let block = bad.blocks[Int.random(in: 0...1, using: &random)]
          PhysicalWindow.store32(block, word: Int.random(in: 0...17, using: &random), random.next32())
        default: break
        }
        let port = Int.random(in: 1...8, using: &random)
        switch Int.random(in: 0...9, using: &random) {
        case 0...4: #expect(good.send(port) == 0)
        case 5: #expect(bad.unmask(port) == 0)
        case 6: #expect(bad.bindVCPU(port, Int.random(in: 0...1, using: &random)) == 0)
        case 7: #expect(bad.setPriority(port, Int.random(in: 0...15, using: &random)) == 0)
        default:
          #expect(bad.send(port) == 0)
          let taken = good.consumeOne(0)
          #expect(taken! == (port, true))
          #expect(good.consumeOne(0) == nil)
        }
      }
      #expect(bad.reset() == 0)
      for frame in bad.array + bad.blocks { #expect(ledger[].type(frame).count == 0 && ledger[].count(frame) == 1) }
      // Words outside the event array's ports and the control block were not touched.
      for word in 13..<1024 { #expect(PhysicalWindow.load32(bad.array[0], word: word) == 0) }
      for word in 18..<1024 { #expect(PhysicalWindow.load32(bad.blocks[0], word: word) == 0) }
    }
  }

  /// A guest CPU that never stops changing a word cannot hold up a sender.
  @Test func restlessWordsDoNotHoldUpSenders() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1))
      #expect(guest.useFIFO() == 0)
      #expect(guest.bindIPI(0) == 1)
      #expect(guest.bindIPI(0) == 2)
      let stop = StopFlag()
      world.onCPUs([
        {
          for _ in 0..<20_000 {
            for port in [1, 2] { _ = Result { try Events.send(guest.domain, port: EventPort(UInt32(port))) } }
            _ = Result { try Events.unmask(guest.domain, port: EventPort(1)) }
          }
          stop.set()
        },
        {
          var value: UInt32 = 1
          while !stop.isSet {
            value = value &* 1_664_525 &+ 1_013_904_223
            for port in [1, 2] { PhysicalWindow.store32(guest.array[0], word: port, value &>> 3 &+ UInt32(port)) }
          }
        },
      ])
      #expect(stop.isSet)
    }
  }
}

extension SeededGenerator {
  mutating func next32() -> UInt32 { UInt32(truncatingIfNeeded: next()) }
}
