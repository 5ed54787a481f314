// SPDX-License-Identifier: Apache-2.0
// The exploring machine itself: it finds what x86 CPUs may do, and does not find what they may not.
import Exploration
import SimulatedMachine
import Testing

@testable import Frames
@testable import Machine

/// A few words that CPUs share, in a frame of a machine with nothing else.
struct Words {
  static func run<R>(frames: UInt64 = 8, _ body: () throws -> R) rethrows -> R {
    try MachineTurn.take {
      precondition(Simulation.start(frames: frames))
      defer {
        for cpu in 1..<8 { CPUs.setOnline(cpu, false) }
        CPUs.setStarted(1)
      }
      return try body()
    }
  }
  let frame = MachineFrame(1)
  func load(_ index: Int) -> UInt64 { PhysicalWindow.load(frame, word: index) }
  func store(_ index: Int, _ value: UInt64) { PhysicalWindow.store(frame, word: index, value) }
  func exchange(_ index: Int, _ value: UInt64) { _ = PhysicalWindow.exchange(frame, word: index, value) }
}

/// What a run has seen, by CPU.
final class Seen {
  let words = Words()
  var first: UInt64 = 99
  var second: UInt64 = 99
}

@Suite struct LitmusTests {
  private let effort = Effort(bound: 2, limit: 50_000, random: 500)

  private func storeBuffering(_ say: @escaping (Words, Int) -> Void) -> Scenario<Seen> {
    Scenario(
      "store buffering", setup: { Seen() },
      cpus: [
        { seen in
          say(seen.words, 0)
          seen.first = seen.words.load(8)
        },
        { seen in
          say(seen.words, 8)
          seen.second = seen.words.load(0)
        },
      ],
      check: { $0.first == 0 && $0.second == 0 ? "both have looked before either has said anything" : nil })
  }

  @Test func plainStoresPassLoads() {
    Words.run {
      let scenario = storeBuffering { $0.store($1, 1) }
      let outcome = scenario.explore(effort)
      #expect(outcome.failure != nil, "\(outcome)")
      // The schedule alone repeats it.
      let again = scenario.replay(outcome.schedule)
      #expect(again.failure == outcome.failure && again.schedule == outcome.schedule, "\(again)")
      // By chance, too, and the seed repeats that.
      let random = scenario.explore(Effort(bound: 0, limit: 0, random: 5_000))
      #expect(random.failure != nil, "\(random)")
      #expect(random.seed != nil && scenario.replay(random.schedule).failure == random.failure)
      let seed = random.seed ?? 0
      let sameSeed = scenario.explore(Effort(bound: 0, limit: 0, random: 1, seed: seed))
      #expect(sameSeed.seed == seed && sameSeed.schedule == random.schedule, "\(sameSeed)")
    }
  }

  @Test func lockedOperationsAndFencesDoNotLetLoadsPass() {
    Words.run {
      let locked = storeBuffering { $0.exchange($1, 1) }.explore(effort)
      #expect(locked.failure == nil && locked.isComplete, "\(locked)")
      let fenced = storeBuffering {
        $0.store($1, 1)
        AtomicWord.fence()
      }.explore(effort)
      #expect(fenced.failure == nil && fenced.isComplete, "\(fenced)")
      var plain = storeBuffering { $0.store($1, 1) }
      plain.storesWait = false
      #expect(plain.explore(effort).failure == nil)
    }
  }

  @Test func storesStayInOrder() {
    Words.run {
      let passing = Scenario(
        "message passing", setup: { Seen() },
        cpus: [
          { seen in
            seen.words.store(0, 1)
            seen.words.store(8, 1)
          },
          { seen in
            seen.first = seen.words.load(8)
            seen.second = seen.words.load(0)
          },
        ],
        check: { $0.first == 1 && $0.second == 0 ? "the second store came first" : nil }
      ).explore(effort)
      #expect(passing.failure == nil && passing.isComplete, "\(passing)")
    }
  }

  @Test func aCPUSeesItsOwnStores() {
    Words.run {
      let own = Scenario(
        "own stores", setup: { Seen() },
        cpus: [
          { seen in
            seen.words.store(0, 1)
            seen.words.store(0, seen.words.load(0) + 1)
            // Half of a word that waits.
            Explored.require(PhysicalWindow.load32(seen.words.frame, word: 0) == 2, "its own store is lost")
          },
          { seen in for _ in 0..<3 { seen.first = seen.words.load(0) } },
        ],
        check: { $0.words.load(0) == 2 ? nil : "the store has not got to memory" }
      ).explore(effort)
      #expect(own.failure == nil && own.isComplete, "\(own)")
    }
  }

  // ---- Locks ----

  /// Two CPUs that count under a lock, each a few times.
  private func counting(_ alone: @escaping (Words, () -> Void) -> Void) -> Scenario<Seen> {
    let count: (Seen) -> Void = { seen in
      for _ in 0..<2 { alone(seen.words) { seen.words.store(16, seen.words.load(16) + 1) } }
    }
    return Scenario(
      "counting", setup: { Seen() }, cpus: [count, count],
      check: { $0.words.load(16) == 4 ? nil : "\($0.words.load(16)) instead of 4" })
  }

  @Test func aBrokenLockIsFound() {
    Words.run {
      let outcome = counting { words, body in
        while words.load(0) != 0 { Waiting.step() }
        words.store(0, 1)
        body()
        words.store(0, 0)
      }.explore(effort)
      #expect(outcome.failure != nil, "\(outcome)")
    }
  }

  @Test func theTicketLockHolds() {
    Words.run {
      let lock = Ref<Lock<UInt64>>.create(in: MachineFrame(2), Lock(.console, 0))
      let scenario = Scenario(
        "ticket lock", setup: { Seen() },
        cpus: [
          { seen in for _ in 0..<2 { lock[].withLock { _ in seen.words.store(16, seen.words.load(16) + 1) } } },
          { seen in for _ in 0..<2 { lock[].withLock { _ in seen.words.store(16, seen.words.load(16) + 1) } } },
          { seen in lock[].withLock { _ in seen.words.store(16, seen.words.load(16) + 1) } },
        ],
        check: { $0.words.load(16) == 5 ? nil : "\($0.words.load(16)) instead of 5" })
      let outcome = scenario.explore(Effort(bound: 2, limit: 30_000, random: 1_000))
      #expect(outcome.failure == nil && outcome.schedules > 1_000, "\(outcome)")
    }
  }

  // ---- Waking ----

  /// CPU 0 says that there is work and wakes CPU 1; CPU 1 looks, and halts if there is none.
  private func waking(_ wakes: @escaping (Words) -> Void) -> Scenario<Seen> {
    var scenario = Scenario(
      "waking", setup: { Seen() },
      cpus: [
        { seen in
          seen.words.exchange(0, 1)
          wakes(seen.words)
        },
        { seen in
          seen.words.exchange(8, 1)
          while seen.words.load(0) == 0 { Registers.waitForInterrupt() }
        },
      ])
    scenario.interrupt = { _, _ in }
    return scenario
  }

  @Test func aLostWakeIsFound() {
    Words.run {
      // Only who is seen to sleep is woken: it may look before, and sleep after.
      let lost = waking { if $0.load(8) == 2 { LocalAPIC.send(.wake, to: 1) } }.explore(effort)
      #expect(lost.failure?.contains("stuck") == true, "\(lost)")
      let kept = waking { if $0.load(8) == 1 { LocalAPIC.send(.wake, to: 1) } }.explore(effort)
      #expect(kept.failure == nil && kept.isComplete, "\(kept)")
    }
  }

  @Test func publishThenLookIsSeenByOneOfTwo() {
    Words.run {
      let both = Ref<TwoWords>.create(in: MachineFrame(3), TwoWords())
      let scenario = Scenario(
        "publish, then look", setup: { Seen() },
        cpus: [
          { $0.first = both[].a.publish(1, thenLook: { both[].b.load() }) },
          { $0.second = both[].b.publish(setting: 1, thenLook: { both[].a.load() }) },
        ],
        check: { $0.first == 0 && $0.second == 0 ? "neither has seen the other" : nil })
      let outcome = scenario.explore(effort)
      #expect(outcome.failure == nil && outcome.isComplete, "\(outcome)")
    }
  }

  @Test func aTrapIsAFailure() {
    Words.run {
      let outcome = Scenario(
        "a trap", setup: { Seen() },
        cpus: [
          { $0.words.store(0, 1) }, { seen in precondition(seen.words.load(0) == 0, "(expected by a test)") },
        ]
      ).explore(effort)
      #expect(outcome.failure?.contains("a trap") == true, "\(outcome)")
    }
  }
}

struct TwoWords: ~Copyable {
  var a = AtomicWord(0)
  var b = AtomicWord(0)
}
