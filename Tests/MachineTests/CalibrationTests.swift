// SPDX-License-Identifier: Apache-2.0
// The counter's rate on machines that stand still at the worst moments: right within the bounds that come with it, or unknown.
import Testing

@testable import Machine

@Suite struct CalibrationTests {
  struct Load: CustomStringConvertible {
    var pauseChance: Double
    var longestPause: Double
    var glitchChance = 0.0
    var description: String { "pauses \(pauseChance) of \(longestPause) ns, glitches \(glitchChance)" }
  }
  static let loads = [
    Load(pauseChance: 0, longestPause: 0), Load(pauseChance: 0.01, longestPause: 20e6),
    Load(pauseChance: 0.3, longestPause: 20e6), Load(pauseChance: 0.5, longestPause: 200e6),
    Load(pauseChance: 0.9, longestPause: 1e6), Load(pauseChance: 0, longestPause: 0, glitchChance: 0.05),
    Load(pauseChance: 0.1, longestPause: 5e6, glitchChance: 0.02),
  ]

  /// How many of some measurements were made, and how many claim to be precise. Each must be as right as it claims.
  private func measure(_ make: (UInt64) -> SimulatedTimer, _ load: Load) -> (made: Int, precise: Int) {
    var (made, precise) = (0, 0)
    for seed in 1...40 as ClosedRange<UInt64> {
      var timer = make(seed)
      timer.pauseChance = load.pauseChance
      timer.longestPause = load.longestPause
      timer.glitchChance = load.glitchChance
      guard var calibration = Calibration(timer) else { continue }
      let rough = calibration.rate
      #expect(Double(rough.low) <= timer.hertz && timer.hertz <= Double(rough.high))
      // Boot goes on for a while.
      calibration.timer.time += 300e6
      guard calibration.finish() else { continue }
      made += 1
      let rate = calibration.rate
      #expect(Double(rate.low) <= timer.hertz && timer.hertz <= Double(rate.high), "seed \(seed)")
      let wrong = abs(Double(rate.hertz) - timer.hertz) / timer.hertz * 1e9
      #expect(wrong <= Double(rate.uncertainty) + 1)
      if rate.isPrecise { precise += 1 }
      #expect(!rate.isPrecise || wrong <= 10_000)
    }
    return (made, precise)
  }

  @Test(arguments: loads) func hpet(load: Load) {
    let (made, precise) = measure(SimulatedTimer.hpet, load)
    // A reading that nearly always takes half a millisecond needs a longer baseline.
    #expect(made == 40 && (precise >= 30 || load.pauseChance > 0.8))
  }

  @Test(arguments: loads) func powerManagementTimer(load: Load) {
    let (made, precise) = measure(SimulatedTimer.powerManagement, load)
    #expect(load.longestPause > 100e6 ? made >= 10 : made >= 38 && (precise >= 30 || load.pauseChance > 0.8))
  }

  @Test(arguments: loads) func intervalTimer(load: Load) {
    // It goes round in 55 ms: pauses beyond that leave nothing to be known, which must be said.
    let (made, precise) = measure(SimulatedTimer.interval, load)
    if load.pauseChance < 0.1 { #expect(made >= 38 && precise >= 30) }
  }

  @Test func aStoppedTimerIsFoundOut() {
    var timer = SimulatedTimer.hpet(1)
    timer.isStopped = true
    #expect(Calibration(timer) == nil)
    timer = SimulatedTimer.powerManagement(1)
    timer.isCounterStopped = true
    #expect(Calibration(timer) == nil)
  }

  @Test func aTimerThatCreepsIsFoundOut() {
    // It moves, but so slowly that the counter would run at more than 100 GHz by it.
    #expect(Calibration(SimulatedTimer(period: 838, bits: 16, hertz: 2.4e9, random: 1)) == nil)
  }

  @Test func aTimerThatStopsLaterIsFoundOut() {
    guard var calibration = Calibration(SimulatedTimer.hpet(1)) else {
      Issue.record("no rough figure")
      return
    }
    let rough = calibration.rate
    calibration.timer.isStopped = true
    calibration.timer.time += 300e6
    let isFinished = calibration.finish()
    #expect(!isFinished && calibration.rate == rough)
  }

  @Test func manyRoundsOfTheTimerAreCounted() {
    // Ten seconds are 2 rounds of the PM timer and 182 of the PIT.
    for make in [SimulatedTimer.powerManagement, SimulatedTimer.interval] {
      guard var calibration = Calibration(make(3)) else {
        Issue.record("no rough figure")
        continue
      }
      calibration.timer.time += 1e9
      let first = calibration.finish()
      calibration.timer.time += 9e9
      let second = calibration.finish()
      #expect(first && second)
      #expect(calibration.rate.uncertainty < 500)
      #expect(abs(Double(calibration.rate.hertz) - 2_445_400_000) < 2_445)
    }
  }

  @Test func theTightestReadingsAreKept() {
    var set = ReadingSet()
    for width in [9, 3, 12, 7, 7, 1, 30, 5, 4, 2, 50] as [UInt64] {
      set.add(TimerReading(before: 100, after: 100 + width, count: width))
    }
    #expect(set.count == 8)
    #expect((0..<8).map { set[$0].width } == [1, 2, 3, 4, 5, 7, 7, 9])
  }

  @Test func whatCPUIDTells() {
    func told(_ leaves: [UInt32: (UInt32, UInt32, UInt32)]) -> ToldRate? {
      ToldRate.read { leaf in
        let found = leaves[leaf] ?? (0, 0, 0)
        return (found.0, found.1, found.2)
      }
    }
    #expect(told([0: (0x16, 0, 0), 0x15: (2, 168, 25_000_000)]) == ToldRate(hertz: 2_100_000_000, isExact: true))
    // Without the crystal's rate the processor's own is all there is.
    #expect(
      told([0: (0x16, 0, 0), 0x15: (2, 168, 0), 0x16: (2100, 3000, 100)])
        == ToldRate(hertz: 2_100_000_000, isExact: false))
    #expect(
      told([0: (0xd, 0, 0), 1: (0, 0, 1 << 31), 0x4000_0000: (0x4000_0010, 0, 0), 0x4000_0010: (2_445_400, 0, 0)])
        == ToldRate(hertz: 2_445_400_000, isExact: true))
    #expect(told([0: (0xd, 0, 0), 0x4000_0010: (2_445_400, 0, 0)]) == nil)
    #expect(told([0: (0x15, 0, 0), 0x15: (1, 1, 1)]) == nil)
    #expect(ToldRate(hertz: 2_000_000_000, isExact: true).agrees(with: 2_010_000_000))
    #expect(!ToldRate(hertz: 2_000_000_000, isExact: true).agrees(with: 2_030_000_000))
    #expect(ToldRate(hertz: 2_000_000_000, isExact: false).agrees(with: 3_000_000_000))
  }

  @Test func theLocalAPICsRate() {
    // Its timer ticks at 62.5 MHz: by its ticks, taken for 10 ns each, the counter seems to run 1.6 times as fast as it does.
    #expect(abs(Int(PlatformTimer.rate(ofLocalAPIC: 3_912_640_000, counter: 2_445_400_000)) - 62_500_000) <= 1)
  }
}
