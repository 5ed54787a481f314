// SPDX-License-Identifier: Apache-2.0
//
// No setting, no clock value and no order of calls makes the arithmetic trap, and time goes on rightly for centuries.

import Testing

@testable import Scheduling

struct TotalityTests {
  @Test("Extreme settings, times and orders of calls neither trap nor break a rule", arguments: 0..<40)
  func extremes(seed: UInt64) {
    var random = Randomness(seed: seed)
    let times: [UInt64] = [0, 1, 999, millisecond, second, 1 << 40, 1 << 53, 1 << 55, 1 << 62, 1 << 63, .max - 1, .max]
    var store = ArrayStore()
    var queue = RunQueue(
      cpu: random.pick([0, 255, 256, -1, .max]),
      parameters: SchedulingParameters(
        allowance: random.pick(times), maximumSlice: random.pick(times), capWindow: random.pick(times)))
    queue.virtualTime = VirtualTime(random.pick(times))
    for _ in 0..<6 {
      _ = store.add(
        weight: random.pick([0, 1, 256, 65_535]),
        warp: WarpSettings(
          value: random.pick(times), limit: random.pick(times), recovery: random.pick(times),
          isForWakers: random.below(2) == 0),
        capBudget: random.pick(times + [0, 0, 0, 0, 0, 0]), now: random.pick(times))
    }
    // A queue for a CPU number beyond those of affinities runs nothing for long; the rules hold all the same.
    for _ in 0..<400 {
      // The clock of one queue does not go back by more than other CPUs' skew, but it must not matter.
      let now = random.pick(times) &+ random.next() % 5
      let index = EntityIndex(UInt32(random.below(6)))
      switch random.below(14) {
      case 0, 1: _ = queue.admit(index, in: &store, now: now)
      case 2, 3, 4: _ = queue.wake(index, in: &store, now: now)
      case 5: _ = queue.sleep(index, as: .blocked, in: &store, now: now)
      case 6: _ = queue.withdraw(index, in: &store, now: now)
      case 7: _ = queue.setWeight(random.pick([0, 1, 65_535]), of: index, in: &store, now: now)
      case 8: _ = queue.setCap(budget: random.pick(times), of: index, in: &store, now: now)
      case 9:
        _ = queue.setWarp(
          WarpSettings(
            value: random.pick(times), limit: random.pick(times), recovery: random.pick(times),
            isForWakers: random.below(2) == 0),
          of: index, in: &store, now: now)
      case 10: _ = queue.setAffinity(hard: CPUMask(cpu: random.below(3)), soft: .all, of: index, in: &store)
      case 11: queue.setSlices(allowance: random.pick(times), maximumSlice: random.pick(times))
      case 12: queue.yield()
      default:
        _ = queue.decide(in: &store, now: now)
        queue.completeSwitch()
      }
    }
  }

  @Test("After centuries of sleep a waker starts at the queue's virtual time", arguments: [1, 256, 65_535] as [UInt16])
  func centuries(weight: UInt16) {
    let year: UInt64 = 31_557_600 * second
    var store = ArrayStore()
    var queue = RunQueue(cpu: 0)
    let hog = store.add(weight: weight)
    let sleeper = store.add()
    for index in [hog, sleeper] {
      _ = queue.admit(index, in: &store, now: 0)
      _ = queue.wake(index, in: &store, now: 0)
    }
    // Turns that come to 560 years of a clock that goes 256 times as fast: the virtual clock goes round many times.
    var now: UInt64 = 0
    _ = queue.sleep(sleeper, as: .blocked, in: &store, now: 0)
    for _ in 0..<2_240 {
      #expect(queue.decide(in: &store, now: now).next == hog)
      now += year / 4
    }
    #expect(queue.wake(sleeper, in: &store, now: now) != .none)
    check(store[sleeper].actual == queue.virtualTime)
    #expect(store[sleeper].account.times(at: now).blocked == 560 * year)
    #expect(store[hog].account.times(at: now).running == 560 * year)
    // From now on both share by weight.
    let before = store[hog].account.times(at: now).running
    for _ in 0..<3_000 {
      let decision = queue.decide(in: &store, now: now)
      now += decision.runFor
    }
    let slept = store[sleeper].account.times(at: now).running
    let ran = store[hog].account.times(at: now).running - before
    #expect(abs(Double(ran) / Double(slept) / (Double(weight) / 256) - 1) < (weight == 256 ? 0.01 : 0.35))
  }

  @Test("Parameters are brought into range")
  func parameters() {
    let zero = SchedulingParameters(allowance: 0, maximumSlice: 0, capWindow: 0)
    #expect(zero.allowance == 0 && zero.maximumSlice == 100_000 && zero.capWindow == 1_000_000)
    let large = SchedulingParameters(allowance: .max, maximumSlice: .max, capWindow: .max)
    #expect(large.allowance == second && large.maximumSlice == second && large.capWindow == second)
    #expect(SchedulingParameters(allowance: 50 * millisecond).maximumSlice == 50 * millisecond)
    let usual = SchedulingParameters()
    #expect(usual.quantum(runnable: 0) == 10 * millisecond)
    #expect(usual.quantum(runnable: 2) == 5 * millisecond)
    #expect(usual.quantum(runnable: .max) == 1 * millisecond)
    #expect(WarpSettings(value: .max).value == WarpSettings.largestValue)
  }

  @Test("Settings on an entity in a queue go through the queue")
  func settingsWhileAdmitted() {
    var store = ArrayStore()
    var queue = RunQueue(cpu: 0)
    let index = store.add(weight: 0)
    #expect(store[index].weight == 1)
    #expect(!queue.setWeight(5, of: index, in: &store, now: 0))
    #expect(store[index].weight == 1)
    _ = queue.admit(index, in: &store, now: 0)
    store[index].setWeight(9)
    store[index].setCap(budget: 9)
    store[index].setWarp(WarpSettings(value: 9))
    store[index].setAffinity(hard: CPUMask(), soft: CPUMask())
    #expect(store[index].weight == 1 && !store[index].cap.isCapped && store[index].warpSettings == .none)
    #expect(store[index].hardAffinity == .all)
    _ = queue.wake(index, in: &store, now: 0)
    #expect(queue.decide(in: &store, now: 0).next == index)
    #expect(queue.setWeight(300, of: index, in: &store, now: 10))
    check(queue.runnableWeight == 300)
    // Affinity away from this CPU: the next decision displaces the current entity.
    #expect(queue.setAffinity(hard: CPUMask(cpu: 1), soft: .all, of: index, in: &store))
    let decision = queue.decide(in: &store, now: 20)
    #expect(decision.next == nil && decision.displaced == index && decision.isSwitch)
    #expect(!store[index].isAdmitted && store[index].isRunnable)
    check(queue.isIdle)
  }

  @Test("A queue can be listed and emptied")
  func emptying() {
    var machine = Simulation()
    let entities = (0..<9).map { machine.add(capBudget: $0 < 3 ? 1 * millisecond : 0) }
    machine.run(for: 9_500 * microsecond)
    let cpu = machine.cpus[0]
    var listed: [EntityIndex] = []
    cpu.queue.forEachQueued(in: machine.store) { listed.append($0) }
    #expect(Set(listed.map { $0.rawValue }).count == listed.count)
    #expect(listed.count == Int(cpu.queue.runnableCount) - 1)
    var withdrawn = 0
    while let index = cpu.queue.anyWaiting {
      check(cpu.queue.withdraw(index, in: &machine.store, now: machine.now))
      withdrawn += 1
    }
    #expect(withdrawn == entities.count - 1)
    check(cpu.queue.runnableCount == 1)
    #expect(cpu.queue.firstBrokenRule(in: &machine.store) == nil)
  }

  @Test("A wake between going to sleep and the decision lets the entity go on")
  func wakeBeforeDecision() {
    var store = ArrayStore()
    var queue = RunQueue(cpu: 0)
    let index = store.add()
    _ = queue.admit(index, in: &store, now: 0)
    _ = queue.wake(index, in: &store, now: 0)
    _ = queue.decide(in: &store, now: 0)
    #expect(queue.sleep(index, as: .blocked, in: &store, now: 100))
    check(queue.runnableCount == 0)
    #expect(queue.wake(index, in: &store, now: 150) == .reschedule)
    let decision = queue.decide(in: &store, now: 160)
    #expect(decision.next == index && !decision.isSwitch && decision.runFor == .max)
    let times = store[index].account.times(at: 200)
    #expect(times.running == 150 && times.blocked == 50)
    #expect(queue.firstBrokenRule(in: &store) == nil)
  }
}
