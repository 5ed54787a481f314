// SPDX-License-Identifier: Apache-2.0
// Hypercalls as a guest makes them: errors, privileges, limits, the older form, and what happens at the edges of memory.
import CXenABI
import Hypercalls
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains

@Suite struct HypercallTests {
  @Test func errorsHaveTheirNumbers() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1, vcpus: 2))
      _ = world.makeDomain(2)
      // Operation, words, and the result: -22 EINVAL, -2 ENOENT, -3 ESRCH, -1 EPERM, -38 ENOSYS, -95 EOPNOTSUPP.
      let table: [(EventChannelOperation, [UInt32], Int64)] = [
        (.send, [0], -22), (.send, [5], -22), (.send, [4095], -22), (.send, [4096], -22), (.send, [0xffff_ffff], -22),
        (.close, [0], -22), (.close, [77], -22), (.close, [0xffff_ffff], -22),
        (.unmask, [0xffff_ffff], -22), (.status, [0x7ff0, 0xffff_ffff], -22), (.status, [2, 1], -1),
        (.status, [99, 1], -1),
        (.allocateUnbound, [2 | 1 << 16], -1), (.bindInterdomain, [77, 1], -3), (.bindInterdomain, [2, 1], -22),
        (.bindInterdomain, [2, 0], -22), (.bindInterdomain, [2, 0xffff_ffff], -22),
        (.bindInterdomain, [0x7ff1, 1], -3),
        (.bindVIRQ, [24, 0], -22), (.bindVIRQ, [0xffff_ffff, 0], -22), (.bindVIRQ, [3, 1], -22),
        (.bindVIRQ, [0, 2], -2),
        (.bindVIRQ, [0, 0xffff_ffff], -2), (.bindIPI, [2], -2), (.bindIPI, [0x8000_0000], -2), (.bindPIRQ, [3, 0], -1),
        (.bindPIRQ, [5000, 0], -22), (.bindVCPU, [1, 9], -2), (.bindVCPU, [1, 0], -22), (.reset, [2], -1),
        (.setPriority, [1, 3], -22), (.expandArray, [9, 0], -95), (.initControl, [9, 0, 0, 7], -2),
        (.initControl, [9, 0, 4, 0], -22), (.initControl, [9, 0, 4032, 0], -22),
        (.initControl, [9, 0, 0xffff_fff8, 0], -22),
        (.initControl, [0xffff_ffff, 0xffff_ffff, 0, 0], -22), (.initControl, [0, 0, 0, 0], -22),
      ]
      for (operation, words, wanted) in table {
        #expect(guest.call(operation, words) == wanted, "\(operation) \(words)")
      }
      for number in [UInt64(15), 99, 0xffff_ffff] {
        #expect(world.call(guest.vcpu(0), __HYPERVISOR_event_channel_op, [number, guest.buffer]) == -38)
      }
      #expect(guest.bindVIRQ(0, 1) == 1)
      #expect(guest.bindVIRQ(0, 1) == -17)
      #expect(guest.bindVIRQ(3, 0) == 2)
      #expect(guest.bindVCPU(1, 0) == -22)
      #expect(guest.bindVCPU(2, 1) == 0)
      #expect(guest.setPriority(2, 3) == -38)
      #expect(guest.send(1) == -22)
    }
  }

  @Test func badPointersFault() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1))
      // Not mapped; the hypervisor's region; wrapping around.
      for address in [UInt64(0x9000_0000), 0xffff_8300_0000_0000, 0xffff_ffff_ffff_fffc] {
        for number in UInt64(0)...14 {
          #expect(
            world.call(guest.vcpu(0), __HYPERVISOR_event_channel_op, [number, address]) == -14,
            "\(number) at \(address)")
        }
        #expect(world.call(guest.vcpu(0), __HYPERVISOR_event_channel_op_compat, [address]) == -14)
      }
      // Readable only: the port cannot be told, so it is not kept.
      world.map(guest.buffer, guest.frame, isWritable: false)
      #expect(guest.call(.allocateUnbound, [0x7ff0 | 7 << 16]) == -14)
      #expect(guest.call(.bindIPI, [0]) == -14)
      #expect(guest.call(.bindVIRQ, [0, 0]) == -14)
      world.map(guest.buffer, guest.frame)
      #expect(guest.status(1)?.state == 0)
      #expect(guest.bindVIRQ(0, 0) == 1)
    }
  }

  @Test func privilegedDomainActsForOthers() {
    SimulatedMachine.run { world in
      let master = Guest(world, world.makeDomain(0, isPrivileged: true))
      let guest = Guest(world, world.makeDomain(5))
      #expect(master.allocateUnbound(0x7ff0, of: 5) == 1)
      // DOMID_SELF as the remote end means the caller, not the owner of the port.
      #expect(guest.status(1) == ModelPort(state: 1, domain: 0))
      #expect(master.call(.status, [5, 1, 0, 0, 0, 0]) == 0)
      #expect(master.connect(5, 1) == 1)
      #expect(guest.send(1) == 0)
      #expect(master.isPending(1))
      #expect(master.call(.status, [6, 1]) == -3)
      #expect(master.call(.reset, [6]) == -3)
      #expect(master.call(.reset, [5]) == 0)
      #expect(guest.status(1)?.state == 0)
      #expect(master.status(1) == ModelPort(state: 1, domain: 5))
    }
  }

  @Test func olderFormWorks() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1))
      func compat(_ words: [UInt32]) -> Int64 {
        for (index, word) in words.enumerated() { PhysicalWindow.store32(guest.frame, word: index, word) }
        return world.call(guest.vcpu(0), __HYPERVISOR_event_channel_op_compat, [guest.buffer])
      }
      #expect(compat([6, 0x7ff0 | 0x7ff0 << 16, 0]) == 0)
      #expect(guest.result(2) == 1)
      #expect(compat([0, 0x7ff0, 1, 0]) == 0)
      #expect(guest.result(3) == 2)
      #expect(compat([4, 1]) == 0)
      #expect(guest.isPending(2))
      #expect(compat([5, 0x7ff0, 2, 0, 0, 0, 0]) == 0)
      #expect(guest.result(3) == 2)
      #expect(compat([10, 0x7ff0]) == -38)
      #expect(compat([99]) == -38)
    }
  }

  @Test func twoLevelEndsAt4096Ports() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1))
      for port in 1..<4096 {
        guard guest.bindIPI(0) == port else {
          Issue.record("port \(port)")
          return
        }
      }
      #expect(guest.bindIPI(0) == -28)
      #expect(guest.send(4095) == 0)
      #expect(guest.isPending(4095))
      #expect(guest.selector(0) == 1 << 63)
      #expect(guest.close(2000) == 0)
      #expect(guest.close(70) == 0)
      #expect(guest.bindIPI(0) == 70)
      #expect(guest.bindIPI(0) == 2000)
      #expect(guest.bindIPI(0) == -28)
      #expect(guest.reset() == 0)
      #expect(!guest.isPending(4095))
      #expect(guest.bindIPI(0) == 1)
    }
  }

  /// The first ports' records stand in the domain's room; what they are bound to stays as it is when they move out of it.
  @Test func portsMoveOutOfTheRoom() {
    SimulatedMachine.run { world in
      let domain = world.makeDomain(1)
      let guest = Guest(world, domain)
      let free = ledger[].freeFrames
      #expect(guest.bindVIRQ(0, 0) == 1)
      #expect(guest.bindVIRQ(1, 0) == 2)
      for port in 3..<48 { #expect(guest.bindIPI(0) == port) }
      #expect(guest.close(30) == 0)
      #expect(ledger[].freeFrames == free)
      let before = (0..<48 as Range<UInt32>).map { domain[].events.ports[$0] }
      #expect((48..<600 as Range<UInt32>).allSatisfy { domain[].events.ports[$0] == .free })
      #expect(guest.bindIPI(0) == 30)
      #expect(guest.bindIPI(0) == 48)
      #expect(ledger[].freeFrames == free - 1)
      #expect(
        (0..<48 as Range<UInt32>).map { domain[].events.ports[$0] }
          == before.enumerated().map { $0 == 30 ? before[29] : $1 })
      #expect((49..<600 as Range<UInt32>).allSatisfy { domain[].events.ports[$0] == .free })
      // The same tables' neighbours are untouched: the interrupts still find their ports.
      Events.raise(virq: 1, vcpu: domain[].vcpu(index: 0)!)
      #expect(guest.isPending(2) && !guest.isPending(1))
      for port in 49..<600 { #expect(guest.bindIPI(0) == port) }
      #expect(guest.close(111) == 0)
      #expect(guest.bindIPI(0) == 111)
    }
  }

  @Test func domainHasItsLimit() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1, maximumPort: 600))
      for port in 1...600 { #expect(guest.bindIPI(0) == port) }
      #expect(guest.bindIPI(0) == -28)
      Events.setLimit(guest.domain, maximumPort: 601)
      #expect(guest.bindIPI(0) == 601)
      #expect(guest.bindIPI(0) == -28)
    }
  }

  @Test func physicalInterruptsNeedPermissionAndExclude() {
    SimulatedMachine.run { world in
      let one = Guest(world, world.makeDomain(0, isPrivileged: true, mayUseHardware: true))
      let other = Guest(world, world.makeDomain(1, mayUseHardware: true))
      let none = Guest(world, world.makeDomain(2))
      #expect(one.call(.bindPIRQ, [9, 1, 0]) == -22)
      var wiring = InterruptWiring()
      _ = wiring.addController(IOAPIC(slot: 2, physical: world.ownFrames(1).physical, firstGSI: 0, identifier: 1))
      _ = wiring.addOverride(irq: 9, gsi: 9, isLevel: true, isLow: false)
      #expect(InterruptRouting.configure(wiring))
      do { try InterruptRouting.mapLine(9, for: one.domain) } catch { Issue.record("line 9 cannot be mapped") }
      #expect(one.call(.bindPIRQ, [9, 1, 0]) == 0)
      #expect(one.result(2) == 1)
      #expect(one.call(.bindPIRQ, [9, 1, 0]) == -17)
      #expect(other.call(.bindPIRQ, [9, 0, 0]) == -22)
      #expect(other.status(1)?.state == 0)
      #expect(none.call(.bindPIRQ, [9, 0, 0]) == -1)
      #expect(one.status(1) == ModelPort(state: 3, number: 9))
      #expect(Events.raise(pirq: 9, domain: one.domain))
      #expect(one.isPending(1))
      #expect(Events.isHeldBack(pirq: 9, domain: one.domain))
      #expect(!Events.raise(pirq: 9, domain: other.domain))
      #expect(!Events.raise(pirq: 0xffff_ffff, domain: one.domain))
      #expect(one.bindVCPU(1, 0) == 0)
      #expect(InterruptRouting.arrived(9) == DomainID(0))
      #expect(InterruptRouting.unmask(9, one.domain))
      #expect(!InterruptRouting.unmask(9, one.domain))
      #expect(one.close(1) == 0)
      #expect(InterruptRouting.arrived(9) == nil)
      do {
        try InterruptRouting.unmap(9, from: one.domain)
        try InterruptRouting.mapLine(9, for: other.domain)
      } catch { Issue.record("line 9 cannot be handed on") }
      #expect(other.call(.bindPIRQ, [9, 0, 0]) == 0)
    }
  }

  @Test func pollingVCPUWakesForMaskedPorts() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1, vcpus: 2))
      #expect(guest.bindIPI(1) == 1)
      #expect(guest.bindIPI(1) == 2)
      guest.mask(1)
      guest.mask(2)
      let vcpu = guest.vcpu(1)
      vcpu[].holds.fetchOr(VCPUHold.blocked)
      Events.startPolling(vcpu, port: EventPort(2))
      #expect(throws: XenError.invalid) { try Events.isPending(guest.domain, port: EventPort(99_999)) }
      #expect(guest.send(1) == 0)
      #expect(vcpu[].holds.load() == VCPUHold.blocked)
      #expect(guest.send(2) == 0)
      #expect(vcpu[].holds.load() == 0)
      #expect(vcpu[].isPolling.load() == 0)
      #expect(guest.selector(1) == 0)
      let isPending = try? Events.isPending(guest.domain, port: EventPort(2))
      #expect(isPending == true)
    }
  }

  @Test func destructionLeavesNothing() {
    SimulatedMachine.run { world in
      let peer = Guest(world, world.makeDomain(1))
      let id: UInt16 = 2
      let free = ledger[].freeFrames
      let dying = Guest(world, world.makeDomain(id, vcpus: 3))
      let before = ledger[].freeFrames
      #expect(dying.useFIFO(pages: 3) == 0)
      #expect(dying.allocateUnbound(1) == 1)
      #expect(peer.connect(2, 1) == 1)
      #expect(dying.bindVIRQ(0, 2) == 2)
      for _ in 0..<2000 { #expect(dying.bindIPI(1) > 0) }
      Events.beginDestruction(dying.domain)
      #expect(dying.bindIPI(1) == -22)
      var next: UInt32 = 0
      var turns = 0
      while !Events.closeAll(dying.domain, next: &next, count: 100) { turns += 1 }
      #expect(turns >= 20)
      Events.raise(virq: 0, vcpu: dying.vcpu(2))
      #expect(peer.status(1) == ModelPort(state: 1, domain: 2))
      #expect(peer.send(1) == 0)
      Events.destroy(dying.domain)
      #expect(peer.connect(2, 1) == -22)
      #expect(dying.call(.status, [0x7ff0, 1]) == -22)
      #expect(dying.send(1) == -22)
      #expect(dying.close(1) == -22)
      #expect(dying.bindIPI(0) == -22)
      #expect(dying.call(.initControl, [UInt32(dying.frame.number), 0, 0, 0]) == -22)
      // Three control blocks and three pages are still the guest's, and so is the room that the tables began in.
      for frame in dying.blocks + dying.array { #expect(ledger[].count(frame) == 1 && ledger[].type(frame).count == 0) }
      #expect(ledger[].freeFrames == before - 6)
      #expect(free > before)
    }
  }

  @Test func debugLineSaysWhatAPortIs() {
    SimulatedMachine.run { world in
      let guest = Guest(world, world.makeDomain(1))
      #expect(guest.bindVIRQ(0, 0) == 1)
      guest.mask(1)
      Events.raise(virq: 0, vcpu: guest.vcpu(0))
      var line = TextLine()
      #expect(Events.describe(guest.domain, port: EventPort(1), into: &line))
      var text = ""
      line.forEach { text.unicodeScalars.append(Unicode.Scalar($0)) }
      #expect(text == "     1 pending masked vcpu 0 virtual interrupt 0")
      #expect(!Events.describe(guest.domain, port: EventPort(2), into: &line))
    }
  }
}
