// SPDX-License-Identifier: Apache-2.0
// Memory that adds up: what is free, what domains own, and what the hypervisor keeps are all there is, whatever happens.
import CXenABI
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct AccountingTests {
  /// All frames by whose they are, counted from the frames themselves.
  struct Sum: Equatable {
    var free: UInt64 = 0
    var own: UInt64 = 0
    var owned: [UInt16: UInt64] = [:]
    var total: UInt64 { free + own + owned.values.reduce(0, +) }

    init(_ world: SimulatedMachine) {
      for number in 0..<world.frames {
        let frame = MachineFrame(number)
        let owner = ledger[].owner(frame)
        if owner == .invalid {
          free += 1
        } else if owner.isOrdinary && !ledger[].isShared(frame) {
          owned[owner.raw, default: 0] += 1
        } else {
          own += 1
        }
      }
    }
  }

  static func check(_ world: SimulatedMachine, _ guests: [SimulatedGuest], own: UInt64? = nil) {
    let sum = Sum(world)
    #expect(sum.total == world.frames)
    #expect(sum.free == freeFrames)
    if let own { #expect(sum.own == own) }
    for guest in guests { #expect(sum.owned[guest.id.raw, default: 0] == guest.owned) }
  }

  @Test func `every frame is somebody's at every step`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guests = [control, SimulatedGuest(world, 1, frameLimit: 900), SimulatedGuest(world, 2, frameLimit: 300)]
      let own = Sum(world).own
      var random = SeededGenerator(seed: 5)
      var frames: [[MachineFrame]] = [[], [], []]
      for _ in 0..<400 {
        let who = Int.random(in: 0..<3, using: &random)
        // Domain 0 acts for others half of the time.
        let actor = Bool.random(using: &random) ? control : guests[who]
        let target = guests[who].id.raw
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1:
          let order = UInt32.random(in: 0...9, using: &random)
          for index in 0..<4 { actor.set64(0x1000 + index * 8, 7) }
          let done = actor.memory(XENMEM_populate_physmap, target, count: 4, order: order)
          for index in 0..<Int(done) {
            let first = MachineFrame(actor.get64(0x1000 + index * 8))
            for offset in 0..<UInt64(1) << UInt64(order) { frames[who].append(first + offset) }
          }
        case 2, 3:
          let count = min(frames[who].count, Int.random(in: 1..<300, using: &random))
          for index in 0..<count {
            let frame = frames[who].remove(at: Int.random(in: 0..<frames[who].count, using: &random))
            actor.set64(0x1000 + index * 8, frame.number)
          }
          #expect(actor.memory(XENMEM_decrease_reservation, target, count: UInt64(count)) == Int64(count))
        case 4:
          // Mapped by Domain 0, perhaps beyond its allocation.
          if let frame = frames[who].randomElement(using: &random) {
            let slot = Int.random(in: 0..<64, using: &random)
            #expect(control.map(slot, frame, of: target, writable: Bool.random(using: &random)) == 0)
          }
        default: while Bool.random(using: &random) { _ = ledger[].scrubSome() }
        }
        Self.check(world, guests, own: own)
      }
      for slot in 0..<64 { _ = control.unmap(slot) }
      Self.check(world, guests, own: own)
      for who in 0..<3 {
        while !frames[who].isEmpty {
          let part = Array(frames[who].suffix(400))
          frames[who].removeLast(part.count)
          for (index, frame) in part.enumerated() { control.set64(0x1000 + index * 8, frame.number) }
          let done = control.memory(XENMEM_decrease_reservation, UInt16(who), count: UInt64(part.count))
          #expect(done == Int64(part.count))
        }
        #expect(guests[who].owned == SimulatedGuest.frames)
      }
      Self.check(world, guests, own: own)
    }
  }

  @Test func `a balloon goes down and up again by the owner's word within the limit`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      let size = guest.owned + 256
      #expect(control.domctl(XEN_DOMCTL_max_mem, 1) { control.set64($0, size * 4) } == 0)
      for index in 0..<256 { guest.set64(0x1000 + index * 8, UInt64(index)) }
      #expect(guest.memory(XENMEM_populate_physmap, 0x7ff0, count: 256) == 256)
      let free = freeFrames
      #expect(guest.memory(XENMEM_decrease_reservation, 0x7ff0, count: 200) == 200)
      #expect(freeFrames == free + 200)
      // xl mem-set: the new limit first, then the guest follows.
      #expect(control.domctl(XEN_DOMCTL_max_mem, 1) { control.set64($0, (size - 100) * 4) } == 0)
      #expect(guest.memory(XENMEM_populate_physmap, 0x7ff0, count: 200) == 100)
      #expect(guest.owned == size - 100)
      // Questions about another domain are its controller's.
      control.set64(0, 1)
      guest.set64(0, 0)
      for command in [XENMEM_current_reservation, XENMEM_maximum_reservation, XENMEM_maximum_gpfn] {
        #expect(guest.call(__HYPERVISOR_memory_op, UInt64(command), guest.address(0)) == XenError.notPermitted.code)
      }
      for command in [XENMEM_current_reservation, XENMEM_maximum_reservation] {
        #expect(control.call(__HYPERVISOR_memory_op, UInt64(command), control.address(0)) == Int64(size - 100))
      }
    }
  }

  @Test func `a claim is kept for whom it was made, and counts until it is used or given up`() {
    SimulatedMachine.run { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      let other = SimulatedGuest(world, 2)
      #expect(other.memory(XENMEM_claim_pages, 1, count: 10, list: nil) == XenError.notPermitted.code)
      let wanted = guest.owned + 512
      #expect(control.memory(XENMEM_claim_pages, 1, count: wanted, list: nil) == 0)
      #expect(MachineMemory.outstandingClaims == 512)
      // All that is left for others.
      var taken: UInt64 = 0
      while control.memory(XENMEM_increase_reservation, 2, count: 1, list: nil) == 1 { taken += 1 }
      #expect(taken > 0 && freeFrames == 512)
      for index in 0..<513 { control.set64(0x1000 + index * 8, UInt64(index)) }
      #expect(control.memory(XENMEM_populate_physmap, 1, count: 513) == 512)
      #expect(freeFrames == 0 && MachineMemory.outstandingClaims == 0)
      #expect(control.memory(XENMEM_claim_pages, 1, count: guest.owned + 1, list: nil) == XenError.noMemory.code)
      #expect(control.memory(XENMEM_claim_pages, 1, count: 0, list: nil) == 0)
      Self.check(world, [control, guest, other])
    }
  }

  @Test func `a large extent is cleared in pieces, and no larger one is given`() {
    SimulatedMachine.run(MachinePlan(frames: 16384)) { world in
      let control = SimulatedGuest(world, 0, isPrivileged: true)
      let guest = SimulatedGuest(world, 1)
      control.set64(0x1000, 0)
      #expect(control.memory(XENMEM_populate_physmap, 1, count: 1, order: 13) == 0)
      #expect(control.memory(XENMEM_populate_physmap, 1, count: 1, order: 12) == 1)
      let first = MachineFrame(control.get64(0x1000))
      for offset in UInt64(0)..<4096 { PhysicalWindow.store(first + offset, word: 5, 5) }
      #expect(control.memory(XENMEM_decrease_reservation, 1, count: 1, order: 12) == 1)
      // The stretch before the first frame is allocated is one of many.
      let isPrepared = ledger[].prepare(order: 12)
      #expect(!isPrepared)
      control.set64(0x1000, 0)
      #expect(control.memory(XENMEM_populate_physmap, 1, count: 1, order: 12) == 1)
      let again = MachineFrame(control.get64(0x1000))
      for offset in UInt64(0)..<4096 {
        #expect(PhysicalWindow.load(again + offset, word: 5) == 0)
        #expect(translation(again + offset) == offset)
      }
      #expect(guest.memory(XENMEM_populate_physmap, 0x7ff0, count: 1, order: 10) == 0)
    }
  }
}
