// SPDX-License-Identifier: Apache-2.0
// B1 and B2: calls that are stopped wherever they can be stopped. What comes of them is what comes of them in one go. (The
// fuzzer does the same with every call: MartletFuzzTests.)
import CXenABI
import Frames
import Machine
import SimulatedMachine
import Testing
import XenABI

@testable import Domains
@testable import Hypercalls

@Suite struct StoppedCallsTests {
  /// What a guest has been told, and what every frame is.
  struct Outcome: Equatable {
    var results: [Int64] = []
    var frames: [UInt64] = []
  }

  /// Runs `body` with a guest whose stretches are over after `units`; nil for never.
  func outcome(_ units: Int?, _ body: (SimulatedGuest) -> [Int64]) -> Outcome {
    SimulatedMachine.run { machine in
      let guest = machine.guest(1)
      Simulation.stretchUnits = units
      defer { Simulation.stretchUnits = nil }
      var outcome = Outcome(results: body(guest))
      for number in 0..<ledger[].frameCount {
        let frame = MachineFrame(number)
        outcome.frames += [ledger[].count(frame), ledger[].type(frame).raw, UInt64(ledger[].owner(frame).raw)]
      }
      return outcome
    }
  }

  /// The same at every number of units up to `limit`, and at some above.
  func expectTheSame(upTo limit: Int, _ body: (SimulatedGuest) -> [Int64]) {
    let whole = outcome(nil, body)
    for units in Array(1...limit) + [limit * 2, limit * 5, limit * 20] {
      #expect(outcome(units, body) == whole, "\(units) units")
    }
  }

  @Test func memory() {
    expectTheSame(upTo: 70) { guest in
      var results: [Int64] = []
      func list(_ count: Int, _ value: (Int) -> UInt64) {
        for index in 0..<count { guest.set64(0x1000 + index * 8, value(index)) }
      }
      list(40) { 100 + UInt64($0) }
      results.append(guest.memory(XENMEM_populate_physmap, 0x7ff0, count: 40))
      results.append(guest.memory(XENMEM_decrease_reservation, 0x7ff0, count: 30))
      list(3) { UInt64($0) << 7 }
      results.append(guest.memory(XENMEM_populate_physmap, 0x7ff0, count: 3, order: 7))
      let large = (0..<3).map { guest.get64(0x1000 + $0 * 8) }
      // A list of extents that ends with one of which a part is gone.
      list(1) { _ in large[2] + 100 }
      results.append(guest.memory(XENMEM_decrease_reservation, 0x7ff0, count: 1))
      list(3) { large[$0] }
      results.append(guest.memory(XENMEM_decrease_reservation, 0x7ff0, count: 3, order: 7))
      results.append(Int64(ledger[].accounts.owned(guest.id)))
      return results
    }
  }

  @Test func pinsInListsInAMulticall() {
    expectTheSame(upTo: 120) { guest in
      let frames = (0..<6).map { _ in ledger[].allocate(for: DomainID(1))! }
      let (l2, tables, data) = (frames[0], frames[1...4], frames[5])
      for (slot, l1) in tables.enumerated() {
        PhysicalWindow.store(l2, word: slot * 3, l1.physical | PTE.present | PTE.user | PTE.writable)
        for index in 0..<20 {
          let isWritable = index % 3 == 0
          PhysicalWindow.store(
            l1, word: index * 25, data.physical | PTE.present | PTE.user | (isWritable ? PTE.writable : 0))
        }
      }
      // Three lists of four operations.
      for index in 0..<4 {
        guest.set64(0x2000 + index * 24, UInt64(index % 2 == 0 ? MMUEXT_PIN_L2_TABLE : MMUEXT_UNPIN_TABLE))
        guest.set64(0x2000 + index * 24 + 8, l2.number)
      }
      for call in 0..<3 {
        let words = [
          UInt64(__HYPERVISOR_mmuext_op), 77, guest.address(0x2000), 4, guest.address(0x800),
          UInt64(DomainID.current.raw),
        ]
        for (position, word) in words.enumerated() { guest.set64(0x1000 + call * 64 + position * 8, word) }
      }
      var results = [guest.call(__HYPERVISOR_multicall, guest.address(0x1000), 3)]
      results += (0..<3).map { Int64(bitPattern: guest.get64(0x1008 + $0 * 64)) }
      results.append(Int64(guest.get64(0x800) & 0xffff_ffff))
      // What is left to take apart is taken apart on the way out.
      let domain = guest.domain
      while !domain[].pageTables.withLock({ session in
        Stretch.begin()
        return ledger[].drain(&session.work)
      }) {}
      return results
    }
  }

  /// All that one entry does has one deadline: a call in a list does not begin a stretch of its own.
  @Test func aListOfCallsHasOneDeadline() {
    SimulatedMachine.run { machine in
      let guest = machine.guest(1)
      Simulation.stretchUnits = 20
      defer { Simulation.stretchUnits = nil }
      guest.set64(0x2000, UInt64(MMUEXT_TLB_FLUSH_LOCAL))
      for call in 0..<60 {
        let words = [
          UInt64(__HYPERVISOR_mmuext_op), 77, guest.address(0x2000), 1, 0, UInt64(DomainID.current.raw),
        ]
        for (position, word) in words.enumerated() { guest.set64(0x1000 + call * 64 + position * 8, word) }
      }
      let before = machine.preemptions
      #expect(guest.call(__HYPERVISOR_multicall, guest.address(0x1000), 60) == 0)
      // Each call takes a unit for its own entry and one for the list's.
      #expect(machine.preemptions - before >= 5)
      for call in 0..<60 { #expect(guest.get64(0x1008 + call * 64) == 0) }
    }
  }
}
