// SPDX-License-Identifier: Apache-2.0
// Comparing the counter of a CPU that has just come up with that of the CPU that starts it (handshake "counter" in
// docs/invariants.md). What follows from what they read is pure: Machine/Time/CounterComparison.swift.
import Machine

/// The words by which two CPUs compare their counters. Only one pair does so at a time, as CPUs are started one after the other.
public struct CounterHandshake: ~Copyable {
  /// The round that is asked for; the last one ends it.
  private var asked = AtomicWord(CounterHandshake.end)
  /// The round that has been answered.
  private var answered = AtomicWord(0)
  /// The answering CPU's counter in that round.
  private var seen = AtomicWord(0)

  private static var end: UInt64 { UInt64.max }
  /// More rounds than that say nothing more.
  private static var mostRounds: UInt64 { 64 }

  /// Nobody is asking.
  public init() {}

  /// Makes it ready, before the other CPU is started.
  public mutating func prepare() {
    answered.store(0)
    asked.store(0)
  }

  /// The asking side: rounds until enough are known, or until `isOver`, which is asked while there is no answer.
  public mutating func ask(isOver: (_ rounds: Int) -> Bool) -> CounterDifference {
    var difference = CounterDifference()
    var round: UInt64 = 0
    search: while round < CounterHandshake.mostRounds {
      round &+= 1
      let before = SystemClock.orderedCounter
      // A locked operation: the counter has been read before anybody can see the question.
      _ = asked.exchange(round)
      while answered.load() != round {
        if isOver(difference.rounds) { break search }
        Registers.pause()
      }
      let after = SystemClock.orderedCounter
      difference.add(asked: before, answered: after, seen: seen.load())
      if isOver(difference.rounds) { break }
    }
    return difference
  }

  /// The asking side lets the other one go on; what was written before, that one sees.
  public mutating func finish() { _ = asked.exchange(CounterHandshake.end) }

  /// The answering side, until the other one has had enough.
  public mutating func answer() {
    var done: UInt64 = 0
    while true {
      let round = asked.load()
      if round == CounterHandshake.end { return }
      if round == done {
        Registers.pause()
        continue
      }
      seen.store(SystemClock.orderedCounter)
      // A locked operation after the counter has been read and noted.
      _ = answered.exchange(round)
      done = round
    }
  }
}
