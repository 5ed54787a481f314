// SPDX-License-Identifier: Apache-2.0
// Active entries in the domain's room and beyond, against an array.
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains

@Suite struct ActiveGrantsTests {
  /// An entry of which every field differs from its neighbours'.
  private func entry(_ index: Int) -> ActiveEntry {
    ActiveEntry(
      frame: MachineFrame(0x12_3456 + UInt64(index)), pins: GrantPins(raw: 0x7f01_0200 + UInt32(index & 0x7f)),
      grantee: DomainID(0x7ff0 - UInt16(index)), kind: [.fullPage, .subPage, .transitive][index % 3])
  }

  private func isSame(_ a: ActiveEntry, _ b: ActiveEntry) -> Bool {
    a.frame == b.frame && a.pins == b.pins && a.grantee == b.grantee && a.kind == b.kind
  }

  @Test func theRoomAndBeyond() throws {
    SimulatedMachine.run { world in
      let domain = world.makeDomain(1)
      let room = domain[].room
      let ports = (0..<UInt32(DomainRoom.firstPorts)).map { domain[].events.ports[$0] }
      let free = ledger[].freeFrames
      domain[].grants.withLock { table in
        #expect(table.active.count == DomainRoom.grants)
        for index in 0..<table.active.count { #expect(table.active[index].pins.isEmpty) }
        for index in 0..<table.active.count { table.active[index] = entry(index) }
        #expect(ledger[].freeFrames == free)
        var isGrown = table.active.grow(to: DomainRoom.grants + 1)
        #expect(isGrown)
        #expect(ledger[].freeFrames == free - 1 && table.active.count == DomainRoom.grants + 256)
        #expect(table.active[DomainRoom.grants].pins.isEmpty)
        isGrown = table.active.grow(to: 512)
        #expect(isGrown)
        for index in DomainRoom.grants..<512 { table.active[index] = entry(index) }
        for index in 0..<512 { #expect(isSame(table.active[index], entry(index))) }
        for index in 0..<512 { table.active[index] = .unused }
        while let frame = table.active.shrink() { ledger[].freeOwn(frame) }
        #expect(table.active.count == DomainRoom.grants)
      }
      #expect(ledger[].freeFrames == free)
      // The neighbours in the room are untouched.
      #expect((0..<UInt32(DomainRoom.firstPorts)).map { domain[].events.ports[$0] } == ports)
      #expect(domain[].events.ports[UInt32(DomainRoom.firstPorts)] == .free)
      #expect(PhysicalWindow.load32(room, word: DomainRoom.portFrames) == UInt32(room.number) + 1)
    }
  }

  /// What xl does for each domain, its console and its store mapped, takes no memory of the hypervisor's.
  @Test func consoleAndStoreTakeNoMemory() {
    SimulatedMachine.run { world in
      let domain = world.makeDomain(1)
      let frames = [world.guestFrame(domain), world.guestFrame(domain)]
      let free = ledger[].freeFrames
      for (index, frame) in frames.enumerated() {
        let reference = GrantReference(UInt32(index))
        let isDone = domain[].grants.withLock { table in
          guard table.seed(reference, grantee: DomainID(0), guestFrame: UInt32(frame.number)) else { return false }
          return (try? table.pin(reference, for: DomainID(0), GrantPins(.hostMap), mapping: true)) != nil
        }
        #expect(isDone)
      }
      #expect(ledger[].freeFrames == free)
      for index in 0...1 as ClosedRange<UInt32> {
        domain[].grants.withLock { $0.unpin(GrantReference(index), GrantPins(.hostMap)) }
      }
    }
  }
}
