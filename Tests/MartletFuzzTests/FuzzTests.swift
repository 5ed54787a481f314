// SPDX-License-Identifier: Apache-2.0
// A fixed number of fuzz steps, and that the fuzzer itself works: it repeats itself, and it finds what is broken.
import Domains
import SimulatedMachine
import Testing
import XenABI

@testable import Frames
@testable import Machine
@testable import MartletFuzz

@Suite struct FuzzTests {
  /// Both kinds of episode (even seeds: what can be recounted exactly; odd: everything).
  @Test(arguments: 1...8 as ClosedRange<UInt64>) func someStepsFindNothing(seed: UInt64) throws {
    try MachineTurn.take {
      let episode = Episode(seed: seed)
      _ = try episode.run(steps: 2500)
      try episode.end()
      #expect(episode.calls > 0)
    }
  }

  @Test func aSeedRepeatsItself() throws {
    try MachineTurn.take {
      func trace() throws -> (Int, Int, [UInt64]) {
        let episode = Episode(seed: 77)
        let steps = try episode.run(steps: 1500)
        let counts = (0..<FuzzMachine.frames).map { ledger[].count(MachineFrame($0)) }
        return (steps, episode.succeeded, counts)
      }
      let first = try trace()
      let second = try trace()
      #expect(first == second)
    }
  }

  @Test func aLostReferenceIsFound() throws {
    try MachineTurn.take {
      let episode = Episode(seed: 2)
      _ = try episode.run(steps: 100)
      let frame = episode.guests[0].data[0]
      let isTaken = ledger[].take(frame, owner: DomainID(1))
      #expect(isTaken)
      #expect(throws: Finding.self) { try episode.recount() }
      ledger[].drop(frame)
      try episode.recount()
    }
  }

  @Test func aStaleTranslationIsFound() {
    MachineTurn.take {
      _ = FuzzMachine(time: 0)
      let domain = FuzzMachine.makeDomain(1, vcpus: 1, isPrivileged: false)
      let frame = ledger[].allocate(for: domain[].id)!
      var translations = Translations()
      _ = ledger[].takeWritable(frame, owner: domain[].id)
      translations.note(frame, isWritable: true)
      ledger[].dropWritable(frame)
      #expect(translations.stale() == nil)
      // The domain has not run here, so its CPUs are none, and nobody flushes.
      try? ledger[].useDescriptors(frame, owner: domain[].id)
      #expect(translations.stale()?.frame == frame)
      TLB.flushLocal()
      #expect(translations.stale() == nil)
    }
  }
}
