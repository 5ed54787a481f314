// SPDX-License-Identifier: Apache-2.0
// A clock that is compared once a second for ten minutes: it comes to the platform timer's time and rate, and never goes back.
import Testing

@testable import Machine

@Suite struct ClockComparisonTests {
  /// What a run has shown.
  struct Run {
    var changes = 0
    var largestChange = 0.0
    var isLost = false
    var hasChanged = false
    /// The largest error in the last minute, in nanoseconds.
    var lateError = 0.0
  }

  /// Compares for some seconds with a clock that thinks the counter runs `wrong` ppm faster than it does.
  private func run(
    _ timer: consuming SimulatedTimer, wrong: Double, seconds: Int = 600, mostChange: UInt64 = 10_000,
    each: (Int, inout SimulatedTimer) -> Void = { _, _ in }
  ) -> Run {
    var run = Run()
    let zero = timer.time
    var clock = SystemClock(
      origin: timer.counter, hertz: UInt64(timer.hertz * (1 + wrong / 1e6)), timerHertz: 1_000_000_000)
    var comparison = ClockComparison(timer.tightest(), clock, memory: 64_000_000_000, mostChange: mostChange)
    for second in 0..<seconds {
      timer.time += 1e9
      each(second, &timer)
      let verdict = comparison.compare(timer.tightest(), of: timer, with: clock)
      let (at, old) = (timer.counter, clock)
      switch verdict {
      case .right: break
      case .lost: run.isLost = true
      case .steer(let hertz, let steered), .changed(let hertz, let steered):
        if case .changed = verdict { run.hasChanged = true }
        clock = clock.continued(at: at, hertz: hertz, steered: steered)
        run.changes += 1
        run.largestChange = max(
          run.largestChange, abs(Double(steered) - Double(old.steered)) / Double(old.steered) * 1e9)
        // No step, neither back nor forth.
        #expect(clock.time(at: at) == old.time(at: at))
        #expect(clock.time(at: at + 1000) >= old.time(at: at))
      }
      if second >= seconds - 60 {
        run.lateError = max(run.lateError, abs(Double(clock.time(at: timer.counter)) - (timer.time - zero)))
      }
    }
    return run
  }

  @Test(arguments: [-9.0, -2.0, 0.0, 2.0, 9.0]) func theClockComesToThePlatformTimers(wrong: Double) {
    for make in [SimulatedTimer.hpet, SimulatedTimer.powerManagement] {
      for seed in 1...5 as ClosedRange<UInt64> {
        var timer = make(seed)
        timer.pauseChance = 0.1
        timer.longestPause = 20e6
        let run = run(timer, wrong: wrong)
        #expect(!run.isLost && !run.hasChanged && run.lateError < 5000, "\(run)")
        #expect(run.largestChange <= 10_001)
        // Once it is right it is left alone.
        #expect(run.changes < 100)
      }
    }
  }

  @Test func readingsThatSayLittleAreNotFollowed() {
    // Hardly a reading without a pause: what cannot be told is left as it is, and no harm is done.
    var timer = SimulatedTimer.hpet(4)
    timer.pauseChance = 0.9
    timer.longestPause = 5e6
    let run = run(timer, wrong: 0)
    #expect(run.changes == 0 && !run.isLost && run.lateError < 1000)
  }

  @Test func aTimerThatStopsOrJumpsIsLost() {
    var stopped = run(.hpet(1), wrong: 3, seconds: 100) { second, timer in timer.isStopped = second > 50 }
    #expect(stopped.isLost)
    stopped = run(.powerManagement(1), wrong: 3, seconds: 100) { second, timer in
      timer.glitchChance = second > 50 ? 1 : 0
    }
    #expect(stopped.isLost)
  }

  @Test func oneStrangeReadingIsNothing() {
    let run = run(.hpet(1), wrong: 0) { second, timer in timer.glitchChance = second % 7 == 3 ? 1 : 0 }
    #expect(!run.isLost && run.lateError < 1000)
  }

  @Test func aCounterOfAnotherRateIsNoticed() {
    // A machine that is moved to another host: 2 in 1000 slower from the 100th second on.
    let run = run(.hpet(2), wrong: 0, seconds: 900, mostChange: 500_000) { second, timer in
      if second == 100 { timer.change(by: 0.998) }
    }
    #expect(run.hasChanged && !run.isLost)
  }

  @Test func pausesBetweenReadingsDoNotMatter() {
    // Rounds of the PM timer go by unseen: it takes 4.7 s to go round, and the machine stands still for up to a minute.
    let run = run(.powerManagement(9), wrong: 4, seconds: 300) { second, timer in
      if second % 10 == 5 { timer.time += Double(second % 60) * 1e9 }
    }
    #expect(!run.isLost && !run.hasChanged && run.lateError < 5000)
  }

  @Test func aContinuedClockKeepsItsOrigin() {
    let clock = SystemClock(origin: 1000, hertz: 2_000_000_000, timerHertz: 1_000_000_000)
    let later = clock.continued(at: 1000 + 4_000_000_000, hertz: 2_000_000_000, steered: 2_000_000_000)
    #expect(abs(Int(later.base) - 2_000_000_000) <= 2 && abs(Int(later.origin) - 1000) <= 5)
    #expect(later.shifted(by: 50).time(at: 4_000_001_050) == later.time(at: 4_000_001_000))
  }
}
