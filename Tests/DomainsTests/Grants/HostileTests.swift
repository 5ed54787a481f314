// SPDX-License-Identifier: Apache-2.0
// Guests that mean harm: entries that change under a use, handles of others, addresses of the hypervisor's, races.
import Foundation
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains

extension GrantTests {
  /// Guests that change their entries while they are looked at: real threads, on the same memory.
  @Suite struct Hostile {
    final class Flag: @unchecked Sendable {
      private let lock = NSLock()
      private var value = false
      var isSet: Bool { lock.withLock { value } }
      func set() { lock.withLock { value = true } }
    }

    /// Runs `flip` over and over on another thread while `body` runs here.
    func racing(_ flip: @escaping @Sendable (UInt64) -> Void, _ body: () -> Void) {
      let stop = Flag()
      let done = DispatchSemaphore(value: 0)
      Thread.detachNewThread {
        var turn: UInt64 = 0
        while !stop.isSet {
          for _ in 0..<64 {
            flip(turn)
            turn &+= 1
          }
        }
        done.signal()
      }
      body()
      stop.set()
      done.wait()
    }

    @Test(arguments: [UInt32(1), 2]) func flagsFlipWhileBeingMapped(version: UInt32) {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        #expect(a.setVersion(version) == 0)
        a.permit(8, to: 2, a.spare[0])
        let warm = b.map([.deviceMap], 8, of: 1, at: 0)
        #expect(b.unmap(warm.handle, 0, bus: warm.dev_bus_addr) == .okay)
        let before = world.counts()
        let place = a.tableFrame(0)
        let word = version == 1 ? 16 : 32
        let frames = [a.spare[0].number, a.spare[1].number, b.spare[0].number, 0xffff_ffff]
        let outcomes = Counter()
        racing({ turn in
          // Whatever a guest's stores can do: the flags, the grantee, the frame; its marks too.
          let flags: [UInt32] = [0x2_0001, 0x2_0005, 0, 0x3_0001, 0x2_0019, 0x2_0002, 0x2_0101, 0x2_0003]
          PhysicalWindow.store32(place, word: word, flags[Int(turn % 8)])
          if turn % 3 == 0 {
            PhysicalWindow.store32(place, word: word + (version == 1 ? 1 : 2), UInt32(frames[Int(turn / 3 % 4)]))
          }
        }) {
          for round in 0..<8_000 {
            let readOnly = round % 2 == 0
            let mapped = b.map(readOnly ? [.hostMap, .readOnly] : [.hostMap], 8, of: 1, at: b.slot(0))
            outcomes.add(mapped.status)
            if mapped.status == 0 {
              let frame = MachineFrame(physical: mapped.dev_bus_addr)
              precondition(ledger[].owner(frame) == DomainID(1), "only the granter's own frames")
              precondition(ledger[].count(frame) == 2 && ledger[].type(frame).count == (readOnly ? 0 : 1))
              precondition(b.unmap(mapped.handle, b.slot(0)) == .okay)
            } else {
              precondition(b.entry(0) == 0)
            }
          }
        }
        a.permit(8, to: 2, a.spare[0])
        #expect(outcomes.count(0) > 0 && outcomes.count(GrantStatus.generalError.rawValue) > 0)
        #expect(world.isUnchanged(since: before))
        #expect(world.brokenRule() == nil)
      }
    }

    final class Counter: @unchecked Sendable {
      var counts: [Int16: Int] = [:]
      func add(_ status: Int16) { counts[status, default: 0] += 1 }
      func count(_ status: Int16) -> Int { counts[status] ?? 0 }
    }

    final class Granter: @unchecked Sendable {
      var isGranting = true
    }

    /// An honest granter never sees its frame in use once it has taken the grant back (G3).
    @Test(arguments: [UInt32(1), 2]) func revokedGrantsAreNotUsed(version: UInt32) {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        #expect(a.setVersion(version) == 0)
        let frame = a.spare[0]
        a.permit(8, to: 2, frame)
        let revoked = Counter()
        let granter = Granter()
        let table = a.tableFrame(0)
        let status = version == 2 ? a.domain[].grants.withLock { $0.frame(ofStatusIndex: 0)! } : table
        racing({ _ in
          // Only an entry that is free is filled in. No lock is taken here: a guest has none.
          if !granter.isGranting {
            PhysicalWindow.store32(table, word: version == 1 ? 16 : 32, 0x2_0001)
            granter.isGranting = true
          } else if Guest.revoke(8, version, table, status) {
            granter.isGranting = false
            // Now it is the guest's alone again: what is in it must not change, and no copy may see what it writes.
            revoked.add(0)
            PhysicalWindow.store(frame, word: 0, 0xdead)
            for _ in 0..<50 where PhysicalWindow.load(frame, word: 0) != 0xdead { revoked.add(1) }
            PhysicalWindow.store(frame, word: 0, 7)
          }
        }) {
          PhysicalWindow.store(b.pages[0], word: 0, 7)
          for round in 0..<8_000 {
            if round % 2 == 0 {
              if b.copy(.grant(8, 1), 0, .frame(b.pages[0]), 0, 8) == .okay {
                precondition(PhysicalWindow.load(b.pages[0], word: 0) != 0xdead, "read after it was taken back")
              }
            } else {
              _ = b.copy(.frame(b.pages[0]), 0, .grant(8, 1), 0, 8)
            }
          }
        }
        if version == 2 { while !a.revoke(8) {} }
        #expect(revoked.count(0) > 0 && revoked.count(1) == 0)
      }
    }

    /// Several vCPUs of a domain and two granters at once: every pin and handle is accounted for.
    @Test func manyCPUs() {
      GrantWorld.run { world in
        let (a, b) = (world.guest(1), world.guest(2))
        for reference in UInt32(8)..<12 { a.permit(reference, to: 2, a.spare[Int(reference) - 8]) }
        let warm = b.map([.deviceMap], 8, of: 1, at: 0)
        #expect(b.unmap(warm.handle, 0, bus: warm.dev_bus_addr) == .okay)
        let before = world.counts()
        let done = DispatchSemaphore(value: 0)
        // By count, so that a slow host does as much as a fast one.
        let turns = 300
        for cpu in 0..<2 {
          Thread.detachNewThread {
            world.machine.becomeCPU(cpu + 1)
            var random = SeededGenerator(seed: UInt64(cpu))
            var held: [(UInt32, Int)] = []
            for _ in 0..<turns {
              if held.count < 4 && Bool.random(using: &random) {
                let slot = cpu * 8 + held.count
                var entry = b.mapEntry([.hostMap], UInt32.random(in: 8..<12, using: &random), of: 1, at: b.slot(slot))
                b.put([entry], at: cpu * 4096)
                precondition(b.operate(0, Guest.arguments + UInt64(cpu) * 4096, 1) == 0)
                entry = b.get(entry, count: 1, at: cpu * 4096)[0]
                precondition(entry.status == 0)
                held.append((entry.handle, slot))
              } else if let (handle, slot) = held.popLast() {
                // A guess at somebody else's handle must not hurt either.
                let guess = UInt32.random(in: 0..<16, using: &random)
                for (which, expected) in [(handle, true), (guess, false)] {
                  b.put([b.unmapEntry(which, b.slot(slot))], at: cpu * 4096)
                  precondition(b.operate(1, Guest.arguments + UInt64(cpu) * 4096, 1) == 0)
                  let status = b.get(UnmapGrantEntry(), count: 1, at: cpu * 4096)[0].status
                  if expected { precondition(status == 0 || status == GrantStatus.badHandle.rawValue, "\(status)") }
                  if expected && status != 0 {
                    // Claimed by a guess at this moment, which will fail and give it back.
                    held.append((handle, slot))
                    break
                  }
                }
              }
            }
            while let (handle, slot) = held.popLast() {
              b.put([b.unmapEntry(handle, b.slot(slot))], at: cpu * 4096)
              precondition(b.operate(1, Guest.arguments + UInt64(cpu) * 4096, 1) == 0)
              if b.get(UnmapGrantEntry(), count: 1, at: cpu * 4096)[0].status != 0 { held.append((handle, slot)) }
            }
            done.signal()
          }
        }
        for _ in 0..<2 { done.wait() }
        #expect(world.isUnchanged(since: before))
        #expect(world.brokenRule() == nil)
      }
    }
  }
}
