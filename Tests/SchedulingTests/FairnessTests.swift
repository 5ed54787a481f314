// SPDX-License-Identifier: Apache-2.0
//
// BVT's first promise: running time in proportion to weight, without drift, starvation or wasted time.

import Testing

@testable import Scheduling

struct FairnessTests {
  @Test("Shares of 1:2:4 hold within 1%", arguments: [0, 1, 5, 1_000] as [UInt64])
  func weightedShares(allowanceInHundredMicroseconds: UInt64) {
    let parameters = SchedulingParameters(allowance: allowanceInHundredMicroseconds * 100 * microsecond)
    var machine = Simulation(parameters: parameters)
    let entities = [128, 256, 512].map { machine.add(weight: $0) }
    machine.run(for: allowanceInHundredMicroseconds >= 1_000 ? 100 * second : 2 * second)
    for (entity, expected) in zip(entities, [1.0 / 7, 2.0 / 7, 4.0 / 7]) {
      #expect(abs(machine.share(entity) - expected) < 0.01 * expected)
    }
  }

  @Test("The extreme weights get their shares")
  func extremeWeights() {
    var machine = Simulation()
    let light = machine.add(weight: 1)
    let heavy = machine.add(weight: 65_535)
    machine.run(for: 200 * second)
    // One part in 65,536 is 3 ms of 200 s, in lumps of a quantum: half the longest slice for two entities.
    #expect(machine.runTime(light) >= 2 * millisecond)
    #expect(machine.runTime(light) <= 9 * millisecond)
    #expect(machine.runTime(light) + machine.runTime(heavy) == 200 * second)
  }

  @Test("A newcomer shares from its arrival on, without a claim to the past")
  func newcomer() {
    var machine = Simulation()
    let old = machine.add()
    machine.run(for: 1 * second)
    let new = machine.add()
    let before = machine.runTime(old)
    machine.run(for: 2 * second)
    #expect(abs(Double(machine.runTime(new)) / Double(second) - 1) < 0.01)
    #expect(abs(Double(machine.runTime(old) - before) / Double(second) - 1) < 0.01)
  }

  @Test("A sleeper that runs ahead does not lose its debt by sleeping")
  func sleepingKeepsTheLead() {
    // Runs 20 ms out of every 21 when alone: against a hog it must stay at a half.
    var machine = Simulation()
    let sleeper = machine.add(Behaviour(burst: 20 * millisecond, rest: 1 * millisecond))
    let hog = machine.add()
    machine.run(for: 5 * second)
    #expect(machine.share(sleeper) <= 0.505)
    #expect(machine.share(hog) >= 0.495)
  }

  @Test("Charging in pieces loses nothing", arguments: [1, 3, 7, 255, 256, 257, 65_535] as [UInt16])
  func noDrift(weight: UInt16) {
    var random = Randomness(seed: UInt64(weight))
    var piecewise = BVTEntity(weight: weight, now: 0)
    var now: UInt64 = 0
    for _ in 0..<10_000 {
      now += random.next() % 5_000
      piecewise.charge(until: now)
    }
    var whole = BVTEntity(weight: weight, now: 0)
    whole.charge(until: now)
    #expect(piecewise.actual == whole.actual)
    #expect(piecewise.remainder == whole.remainder)
    #expect(whole.actual.rawValue == now * 256 / UInt64(weight))
  }

  @Test("Any mix of behaviours: nobody starves, no time is lost", arguments: 0..<20)
  func randomMix(seed: UInt64) {
    var random = Randomness(seed: seed)
    var machine = Simulation(start: random.next() % (1 << 60))
    var total = 0.0
    var hogs: [(EntityIndex, Double)] = []
    for _ in 0..<(2 + random.below(8)) {
      let weight = random.pick([64, 256, 300, 1_024] as [UInt16])
      let isHog = random.below(2) == 0
      let behaviour =
        isHog
        ? .hog
        : Behaviour(burst: 1 + random.next() % (8 * millisecond), rest: random.next() % (20 * millisecond))
      let warp = random.below(4) == 0 ? WarpSettings(value: random.next() % (20 * millisecond)) : .none
      let index = machine.add(behaviour, weight: weight, warp: warp)
      total += Double(weight)
      if isHog { hogs.append((index, Double(weight))) }
    }
    machine.run(for: 2 * second)
    for (hog, weight) in hogs {
      // Others that sleep leave more, never less.
      #expect(machine.share(hog) >= weight / total - 0.02)
    }
  }

  @Test("Two yielders and a worker share; yielding to nobody goes on")
  func yielding() {
    var store = ArrayStore()
    var queue = RunQueue(cpu: 0)
    let spinner = store.add()
    #expect(queue.admit(spinner, in: &store, now: 0) == .none)
    #expect(queue.wake(spinner, in: &store, now: 0) == .reschedule)
    #expect(queue.decide(in: &store, now: 0).next == spinner)
    queue.yield()
    #expect(queue.decide(in: &store, now: 10).next == spinner)
    let worker = store.add()
    #expect(queue.admit(worker, in: &store, now: 10) == .none)
    #expect(queue.wake(worker, in: &store, now: 10) == .rearm(at: 1_000_010))
    #expect(queue.decide(in: &store, now: 20).next == spinner)
    queue.yield()
    let decision = queue.decide(in: &store, now: 30)
    #expect(decision.next == worker)
    #expect(decision.isSwitch)
    #expect(decision.runFor >= 1 * millisecond)
    // The yielder keeps its claim: it is next when the slice ends.
    #expect(queue.decide(in: &store, now: 30 + decision.runFor).next == spinner)
    #expect(queue.firstBrokenRule(in: &store) == nil)
  }
}
