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

  /// B1: wherever a call is stopped, and however often, what comes of it is the same. (Of the calls of even seeds; the others
  /// tell of what passes on the way, such as how much memory is free. They are stopped at random in the test above.)
  @Test(arguments: [4, 6, 8, 10] as [UInt64]) func stopsMakeNoDifference(seed: UInt64) throws {
    try MachineTurn.take {
      func outcome(_ units: Int) throws -> (Int, UInt64, [UInt64], Int) {
        let episode = Episode(seed: seed, units: units)
        _ = try episode.run(steps: 800)
        let state = (0..<FuzzMachine.frames).flatMap { number in
          let frame = MachineFrame(number)
          return [ledger[].count(frame), ledger[].type(frame).raw, UInt64(ledger[].owner(frame).raw)]
        }
        try episode.end()
        return (episode.succeeded, episode.results, state, episode.preemptions)
      }
      let whole = try outcome(1 << 30)
      #expect(whole.3 == 0)
      for units in [1, 2, 5, 12, 60] {
        let stopped = try outcome(units)
        #expect(stopped.0 == whole.0 && stopped.1 == whole.1 && stopped.2 == whole.2, "\(units) units")
        if units < 5 { #expect(stopped.3 > 100) }
      }
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
