// SPDX-License-Identifier: Apache-2.0
// Grants and the end of domains: of who granted, and of who mapped.
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains

extension GrantTests {
  @Suite struct Deaths {
    /// One way to end a domain, in steps that can be mixed with another's.
    enum Step: CaseIterable {
      case releaseMappings, dropMemory, tearDown
    }

    func take(_ step: Step, _ guest: Guest) {
      switch step {
      case .releaseMappings:
        guest.domain[].grants.withLock { $0.beginDestruction() }
        while !GrantTable.releaseMappings(of: guest.domain, atMost: 7) {}
      case .dropMemory:
        for frame in guest.spare where ledger[].isAllocated(frame) && ledger[].owner(frame) == guest.id {
          _ = ledger[].endAllocation(frame, owner: guest.id)
        }
      case .tearDown:
        _ = guest.domain[].grants.withLock { table in table.tearDown() }
      }
    }

    /// Two domains that use each other's grants end, with their steps in every order; memory is free when both are through.
    @Test func everyOrder() {
      func orders(_ left: [Int]) -> [[Int]] {
        left.allSatisfy { $0 == 0 }
          ? [[]]
          : left.indices.filter { left[$0] > 0 }.flatMap { who -> [[Int]] in
            var rest = left
            rest[who] -= 1
            return orders(rest).map { [who] + $0 }
          }
      }
      func permutations(_ steps: [Step]) -> [[Step]] {
        steps.isEmpty ? [[]] : steps.flatMap { one in permutations(steps.filter { $0 != one }).map { [one] + $0 } }
      }
      let mine = permutations(Step.allCases)
      // What a domain has apart from its grants and the frames that it gives back.
      let others = GrantWorld.run { world in
        let free = ledger[].freeFrames
        let guests = [world.guest(1), world.guest(2)]
        for guest in guests { for step in Step.allCases { take(step, guest) } }
        return free - ledger[].freeFrames
      }
      var count = 0
      for interleaving in orders([3, 3]) {
        for first in mine {
          for second in mine where (count % 5 == 0 || first == second) {
            endBoth(interleaving, [first, second], others)
          }
          count += 1
        }
      }
    }

    func endBoth(_ interleaving: [Int], _ steps: [[Step]], _ others: UInt64) {
      GrantWorld.run { world in
        let free = ledger[].freeFrames
        let guests = [world.guest(1), world.guest(2)]
        #expect(guests[1].setVersion(2) == 0)
        for (index, guest) in guests.enumerated() {
          let other = guests[1 - index]
          guest.permit(8, to: other.number, guest.spare[0])
          guest.permit(9, to: other.number, guest.spare[1], readOnly: true)
          guest.permit(10, to: guest.number, guest.spare[2])
          #expect(other.map([.hostMap], 8, of: guest.number, at: other.slot(0)).status == 0)
          #expect(other.map([.hostMap, .readOnly, .deviceMap], 9, of: guest.number, at: other.slot(1)).status == 0)
          #expect(guest.map([.deviceMap], 10, of: guest.number, at: 0).status == 0)
        }
        var next = [0, 0]
        for who in interleaving {
          take(steps[who][next[who]], guests[who])
          next[who] += 1
          for (index, guest) in guests.enumerated() where !steps[index][..<next[index]].contains(.releaseMappings) {
            // What is still mapped still stands.
            let frame = guests[1 - index].spare[0]
            #expect(ledger[].count(frame) > 0 && ledger[].type(frame).count > 0)
            #expect(guest.entry(0) & PTE.frameMask == frame.physical)
          }
        }
        // Nobody can map a dying domain's grants, nor a dying domain others'.
        let refused = guests[0].map([.deviceMap, .readOnly], 9, of: 2, at: 0).status
        #expect(refused == GrantStatus.badDomain.rawValue || refused == GrantStatus.noSpace.rawValue)
        for guest in guests {
          #expect(guest.domain[].grants.withLock { table in table.tearDown() })
          #expect(guest.domain[].grants.withLock { table in table.tearDown() }, "again does nothing")
          for frame in guest.spare { #expect(ledger[].count(frame) == 0) }
        }
        // The tables' own frames are free too.
        let left = free - ledger[].freeFrames
        #expect(left == others)
      }
    }

    /// A domain's end is reached by others' unmapping, too.
    @Test func granterEndsFirst() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        a.permit(8, to: 2, a.spare[0])
        let mapped = b.map([.hostMap], 8, of: 1, at: b.slot(0))
        let table = a.tableFrame(0)
        for step in Step.allCases { take(step, a) }
        #expect(ledger[].count(table) == 0 && ledger[].count(a.spare[0]) == 1)
        #expect(!a.domain[].grants.withLock { $0.tearDown() })
        #expect(b.map([.hostMap], 8, of: 1, at: b.slot(1)).status == GrantStatus.badDomain.rawValue)
        #expect(b.unmap(mapped.handle, b.slot(0)) == .okay)
        #expect(ledger[].count(a.spare[0]) == 0)
        #expect(a.domain[].grants.withLock { $0.tearDown() })
        #expect(b.domain[].grants.withLock { $0.brokenRule() == nil })
        // What others hold of the table's own frames outlives it.
        let shared = b.tableFrame(0)
        let isTaken = ledger[].take(shared, owner: DomainID(2))
        #expect(isTaken)
        take(.tearDown, b)
        #expect(ledger[].count(shared) == 1)
        ledger[].drop(shared)
        #expect(ledger[].count(shared) == 0)
      }
    }

    @Test func tearDownGivesAllMemoryBack() {
      GrantWorld.run { world in
        let room = ledger[].allocateOwn()!
        let free = ledger[].freeFrames
        do {
          var table = GrantTable.make(owner: DomainID(5), limits: GrantLimits(frames: 20), room: room)!
          do { try table.setVersion(2) } catch { preconditionFailure("version 2") }
          let (last, beyond) = (table.frame(ofTableIndex: 19), table.frame(ofTableIndex: 20))
          #expect(last != nil && beyond == nil)
          let handle = table.reserveHandle()!
          table.maptrack.free(handle)
          let taken = free - ledger[].freeFrames
          // Shared, active, status, a directory that the room has no place for, mappings.
          #expect(taken == 20 + 40 + 3 + 1 + 1)
          let isGone = table.tearDown()
          #expect(isGone)
        }
        let left = ledger[].freeFrames
        #expect(left == free)
      }
    }

    @Test func releaseIsPreemptible() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        a.permit(8, to: 2, a.spare[0])
        for _ in 0..<100 { _ = b.map([.deviceMap], 8, of: 1, at: 0) }
        var calls = 1
        b.domain[].grants.withLock { $0.beginDestruction() }
        while !GrantTable.releaseMappings(of: b.domain, atMost: 16) { calls += 1 }
        #expect(calls == 7)
        #expect(a.marks(8) == 0 && ledger[].count(a.spare[0]) == 1)
        #expect(world.brokenRule() == nil)
      }
    }
  }
}
