// SPDX-License-Identifier: Apache-2.0
//
// Caps: the budget of every window holds, to the nanosecond when the timer is exact, and what is overdrawn is paid back.

import Testing

@testable import Scheduling

struct CapTests {
  @Test("A capped hog alone gets exactly its budget in each window", arguments: [1, 5, 37, 50, 99] as [UInt16])
  func alone(percent: UInt16) {
    let window = 10 * millisecond
    let budget = CapState.budget(percent: percent, window: window)
    #expect(budget == window * UInt64(percent) / 100)
    var machine = Simulation(start: 3 * window)
    let capped = machine.add(capBudget: budget)
    var before: UInt64 = 0
    for _ in 0..<50 {
      machine.run(for: window)
      #expect(machine.runTime(capped) - before == budget)
      before = machine.runTime(capped)
    }
    // Parked time is time spent wanting the CPU.
    let times = machine.store[capped].account.times(at: machine.now)
    #expect(times.blocked == 0 && times.runnable == 50 * (window - budget))
  }

  @Test("No window's budget is exceeded under load, and others use what caps leave", arguments: 0..<10)
  func underLoad(seed: UInt64) {
    var random = Randomness(seed: seed)
    let window = 10 * millisecond
    var machine = Simulation()
    var capped: [(EntityIndex, UInt64)] = []
    for _ in 0..<(1 + random.below(6)) {
      let budget = CapState.budget(percent: UInt16(1 + random.below(60)), window: window)
      let behaviour =
        random.below(2) == 0
        ? .hog : Behaviour(burst: 1 + random.next() % (9 * millisecond), rest: random.next() % (9 * millisecond))
      capped.append((machine.add(behaviour, weight: random.pick([100, 256, 900]), capBudget: budget), budget))
    }
    let hog = machine.add()
    var before = capped.map { _ in UInt64(0) }
    for _ in 0..<60 {
      machine.run(for: window)
      for number in capped.indices {
        let ran = machine.runTime(capped[number].0)
        #expect(ran - before[number] <= capped[number].1)
        before[number] = ran
      }
    }
    #expect(machine.cpus[0].busyTime == machine.now)
    #expect(machine.runTime(hog) > 0)
  }

  @Test("A late timer's overdraft is paid back: the average holds")
  func lateTimer() {
    let budget = CapState.budget(percent: 20, window: 10 * millisecond)
    var machine = Simulation()
    machine.timerLateness = 700 * microsecond
    let capped = machine.add(capBudget: budget)
    machine.add()
    machine.run(for: 4 * second)
    #expect(machine.share(capped) <= 0.2 + 0.0002)
    #expect(machine.share(capped) >= 0.17)
  }

  @Test("A shared budget agrees with a count window by window", arguments: 0..<20)
  func sharedBudgetAgainstModel(seed: UInt64) {
    var random = Randomness(seed: seed)
    let window: UInt64 = 1_000
    for _ in 0..<20 {
      let budget = 1 + random.next() % 4_000
      var shared = SharedBudget()
      #expect(SharedBudget(rawValue: shared.rawValue) == shared)
      var now = random.next() % 1_000_000_000_000
      // Of its past a budget knows only that there is none.
      shared.open(at: now, budget: budget, window: window)
      var number = now / window
      var left = Int64(budget)
      for _ in 0..<200 {
        now += random.next() % 2_500
        while number < now / window {
          left = min(Int64(budget), left < 0 ? left + Int64(budget) : Int64(budget))
          number += 1
        }
        shared.open(at: now, budget: budget, window: window)
        // A CPU whose clock is behind changes nothing.
        shared.open(at: now - min(now, random.next() % 100_000), budget: budget, window: window)
        #expect(shared.left == left)
        let wanted = random.next() % 3_000
        let drawn = shared.draw(wanted)
        #expect(drawn == (left > 0 ? min(wanted, UInt64(left)) : 0))
        left -= Int64(drawn)
        let used = random.next() % 4_000
        let end = (now / window + 1) * window
        now += random.below(2) == 0 ? 0 : used
        let isSame = now / window == number
        while number < now / window {
          left = min(Int64(budget), left < 0 ? left + Int64(budget) : Int64(budget))
          number += 1
        }
        shared.open(at: now, budget: budget, window: window)
        shared.settle(drawn: drawn, used: used, end: end, window: window)
        if used > drawn { left -= Int64(used - drawn) } else if isSame { left += Int64(drawn - used) }
        #expect(shared.left == left)
      }
    }
  }

  @Test("More entities may come back at a boundary than one decision takes out")
  func crowdedBoundary() {
    var machine = Simulation()
    let budget = CapState.budget(percent: 1, sharers: 4, window: 10 * millisecond)
    let capped = (0..<100).map { _ in machine.add(capBudget: budget) }
    let hog = machine.add()
    machine.run(for: 300 * millisecond)
    for index in capped {
      #expect(machine.runTime(index) > 0)
      #expect(machine.runTime(index) <= 30 * budget)
    }
    #expect(machine.runTime(hog) > 0)
    #expect(machine.cpus[0].busyTime == machine.now)
  }

  @Test("Raising or lifting a cap frees a parked entity at once; lowering it takes effect")
  func changingCap() {
    var machine = Simulation()
    let capped = machine.add(capBudget: 1 * millisecond)
    machine.run(for: 5 * millisecond)
    #expect(machine.store[capped].membership == .parked)
    let cpu = machine.cpus[0]
    cpu.needsDecision = cpu.queue.setCap(budget: 0, of: capped, in: &machine.store, now: machine.now)
    machine.run(for: 5 * millisecond)
    #expect(machine.runTime(capped) == 6 * millisecond)
    cpu.needsDecision = cpu.queue.setCap(budget: 2 * millisecond, of: capped, in: &machine.store, now: machine.now)
    machine.run(for: 10 * millisecond)
    #expect(machine.runTime(capped) == 8 * millisecond)
  }

  @Test("A parked entity that goes to sleep leaves; one that wakes over its cap parks")
  func parkedSleepers() {
    var store = ArrayStore()
    var queue = RunQueue(cpu: 0)
    let capped = store.add(capBudget: 1 * millisecond)
    #expect(queue.admit(capped, in: &store, now: 0) == .none)
    #expect(queue.wake(capped, in: &store, now: 0) == .reschedule)
    #expect(queue.decide(in: &store, now: 0).runFor == 1 * millisecond)
    let parkedNow = queue.decide(in: &store, now: 1 * millisecond)
    #expect(parkedNow.next == nil)
    #expect(parkedNow.runFor == 9 * millisecond)
    #expect(!queue.sleep(capped, as: .blocked, in: &store, now: 2 * millisecond))
    #expect(queue.decide(in: &store, now: 2 * millisecond).runFor == .max)
    #expect(queue.wake(capped, in: &store, now: 3 * millisecond) == .rearm(at: 10 * millisecond))
    #expect(queue.decide(in: &store, now: 10 * millisecond).next == capped)
    #expect(queue.firstBrokenRule(in: &store) == nil)
  }

  @Test("Percentages become budgets")
  func budgets() {
    #expect(CapState.budget(percent: 0, window: 10 * millisecond) == 0)
    #expect(CapState.budget(percent: 100, window: 10 * millisecond) == 0)
    #expect(CapState.budget(percent: 100, sharers: 4, window: 10 * millisecond) == 10_000_000)
    #expect(CapState.budget(percent: 350, sharers: 4, window: 10 * millisecond) == 35_000_000)
    #expect(CapState.budget(percent: 400, sharers: 4, window: 10 * millisecond) == 0)
    #expect(CapState.budget(percent: 65_535, sharers: .max, window: .max) > 0)
    #expect(CapState.budget(percent: 1, sharers: 0, window: 100) == 1)
  }
}
