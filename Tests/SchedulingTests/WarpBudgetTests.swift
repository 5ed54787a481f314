// SPDX-License-Identifier: Apache-2.0
//
// What a domain may take by the bursts of all its vCPUs (rule Q5): a hostile one with many of them holds nobody off for long, and
// an honest one with a few of them misses nothing.

import Testing

@testable import Scheduling

/// The longest time that a computing neighbour waits beside `vcpus` vCPUs of another domain, each of the same weight. They have
/// slept, wake together, run for `burst`, sleep for `rest`, and so on.
private func longestWait(vcpus: Int, burst: UInt64, rest: UInt64, warp: WarpSettings) -> UInt64 {
  var machine = Simulation()
  let neighbour = machine.add(warp: warp)
  let group = machine.store.addGroup()
  let start = 200 * millisecond
  let wakers = (0..<vcpus).map { _ in
    machine.add(Behaviour(burst: microsecond, rest: 0, period: start), warp: warp, group: group)
  }
  machine.run(for: start - millisecond)
  for waker in wakers { machine.behaviours[Int(waker.rawValue)] = Behaviour(burst: burst, rest: rest) }
  machine.run(for: UInt64(vcpus) * 24 * millisecond)
  return machine.worstWait[Int(neighbour.rawValue)]
}

struct WarpBudgetTests {
  @Test(
    "Q5: vCPUs that sleep and wake together hold a neighbour off for their turns and 14 ms more",
    arguments: [8, 32, 128], [1_990, 1_500, 500, 100] as [UInt64])
  func burstOfMany(vcpus: Int, burst: UInt64) {
    let wait = longestWait(
      vcpus: vcpus, burst: burst * microsecond, rest: 10 * millisecond, warp: .usual)
    // A turn is a slice of 1 ms. Who sleeps just before its end has another one before the neighbour is behind it.
    let turns = UInt64(vcpus) * 2 * millisecond
    #expect(wait <= turns + WarpBudget.whole * 4 / 3 + millisecond, "\(Double(wait) / 1e6) ms")
  }

  @Test("Q5: in no time does a domain run warped for more than its budget and a quarter of the time")
  func rate() {
    // The neighbour's weight is so large that all but bursts wait for it.
    var machine = Simulation()
    machine.add(weight: 65_535, warp: .usual)
    let group = machine.store.addGroup()
    let vcpus = (0..<64).map { _ in
      machine.add(Behaviour(burst: microsecond, rest: 0, period: 400 * millisecond), warp: .usual, group: group)
    }
    // All have run once, and sleep.
    machine.run(for: 399 * millisecond)
    for vcpu in vcpus {
      machine.behaviours[Int(vcpu.rawValue)] = Behaviour(
        burst: 1_900 * microsecond, rest: 0, period: 12 * millisecond)
    }
    var times: [UInt64] = []
    var warped: [UInt64] = [0]
    for _ in 0..<1_500 {
      times.append(machine.now)
      let before = vcpus.map { machine.store[$0].warp.isActive ? machine.runTime($0) : .max }
      machine.run(for: 200 * microsecond)
      var sum: UInt64 = 0
      for (vcpu, time) in zip(vcpus, before) where time != .max && machine.store[vcpu].warp.isActive {
        sum += machine.runTime(vcpu) - time
      }
      warped.append(warped.last! + sum)
    }
    for start in times.indices {
      for end in start + 1..<times.count {
        let most = WarpBudget.whole + (times[end] - times[start]) / 4
        check(warped[end] - warped[start] <= most)
      }
    }
    #expect(warped.last! > 20 * millisecond)
  }

  @Test("Q5: a guest with a few vCPUs on a busy CPU wakes as quickly as ever", arguments: [1, 2, 4])
  func few(vcpus: Int) {
    var machine = Simulation()
    for _ in 0..<3 { machine.add(warp: .usual) }
    let group = machine.store.addGroup()
    // 150 us of work in every 13 ms each, not in step.
    let wakers = (0..<vcpus).map { number in
      machine.add(
        Behaviour(burst: 150 * microsecond, rest: (13_000 + 310 * UInt64(number)) * microsecond), warp: .usual,
        group: group)
    }
    machine.run(for: 200 * millisecond)
    for waker in wakers { machine.worstLatency[Int(waker.rawValue)] = 0 }
    machine.run(for: 2 * second)
    for waker in wakers {
      // For each other at most, never for those who compute.
      #expect(machine.worstLatency[Int(waker.rawValue)] <= 150 * microsecond * UInt64(vcpus - 1))
    }
  }

  @Test("Q5: what one domain has spent is not missed by another, nor on another CPU")
  func apart() {
    var store = ArrayStore()
    let queues = (0..<2).map { SimulatedCPU(RunQueue(cpu: $0)) }
    let groups = (0..<2).map { _ in store.addGroup() }
    let hogs = (0..<2).map { _ in store.add() }
    for cpu in 0..<2 {
      _ = queues[cpu].queue.admit(hogs[cpu], in: &store, now: 0)
      _ = queues[cpu].queue.wake(hogs[cpu], in: &store, now: 0)
      _ = queues[cpu].queue.decide(in: &store, now: 0)
    }
    func waker(_ group: Int, on cpu: Int) -> EntityIndex {
      let index = store.add(warp: .usual, group: groups[group])
      _ = queues[cpu].queue.admit(index, in: &store, now: 0)
      _ = queues[cpu].queue.sleep(index, as: .blocked, in: &store, now: 0)
      _ = queues[cpu].queue.wake(index, in: &store, now: 0)
      return index
    }
    func doesWarp(_ group: Int, on cpu: Int) -> Bool {
      let index = waker(group, on: cpu)
      return store[index].isWarping
    }
    let many = (0..<7).map { _ in waker(0, on: 0) }
    #expect(many.map { store[$0].isWarping } == [true, true, true, true, true, false, false])
    check(doesWarp(0, on: 1))
    check(doesWarp(1, on: 0))
    // Who leaves without having run makes room for the next.
    _ = queues[0].queue.sleep(many[0], as: .blocked, in: &store, now: 0)
    check(doesWarp(0, on: 0))
    check(!doesWarp(0, on: 0))
    check(queues[0].queue.withdraw(many[1], in: &store, now: 0))
    check(doesWarp(0, on: 0))
    #expect(store.doPiecesAddUp)
    for cpu in queues { #expect(cpu.queue.firstBrokenRule(in: &store) == nil) }
  }

  @Test("Q5: a burst that moves on draws on the budget of the CPU that it comes to")
  func move() {
    var store = ArrayStore()
    var first = RunQueue(cpu: 0)
    var second = RunQueue(cpu: 1)
    let hogs = (0..<2).map { _ in store.add() }
    let group = store.addGroup()
    let waker = store.add(warp: .usual, group: group)
    _ = first.admit(hogs[0], in: &store, now: 0)
    _ = first.wake(hogs[0], in: &store, now: 0)
    _ = first.decide(in: &store, now: 0)
    _ = second.admit(hogs[1], in: &store, now: 0)
    _ = second.wake(hogs[1], in: &store, now: 0)
    _ = second.decide(in: &store, now: 0)
    _ = first.admit(waker, in: &store, now: 0)
    _ = first.sleep(waker, as: .blocked, in: &store, now: 0)
    _ = first.wake(waker, in: &store, now: 0)
    #expect(store[waker].isWarping && store.warpBudgets[WarpPlace(group: group, cpu: 0)]!.drawn > 0)
    check(first.withdraw(waker, in: &store, now: 0))
    #expect(store.warpBudgets[WarpPlace(group: group, cpu: 0)]! == WarpBudget())
    _ = second.admit(waker, in: &store, now: 0)
    #expect(store[waker].isWarping && store.warpBudgets[WarpPlace(group: group, cpu: 1)]!.drawn > 0)
    #expect(store.doPiecesAddUp)
  }

  @Test("A budget: what was not run is there at once, what was run comes back at a quarter of the rate of time")
  func budget() {
    var budget = WarpBudget()
    let start = 1_000 * second
    check(budget.draw(WarpBudget.whole, now: start))
    check(!budget.draw(1, now: start))
    budget.settle(WarpBudget.whole, ran: 0, now: start)
    check(budget.drawn == 0 && budget.draw(10 * millisecond, now: start))
    budget.settle(10 * millisecond, ran: 8 * millisecond, now: start + 8 * millisecond)
    // 8 ms are spent, which 32 ms give back.
    check(!budget.draw(3 * millisecond, now: start + 8 * millisecond))
    check(!budget.draw(3 * millisecond, now: start + 11 * millisecond))
    check(budget.draw(3 * millisecond, now: start + 12 * millisecond))
    budget.settle(3 * millisecond, ran: 0, now: start + 12 * millisecond)
    check(!budget.draw(10 * millisecond, now: start + 38 * millisecond))
    check(budget.draw(10 * millisecond, now: start + 40 * millisecond))
  }

  @Test("A budget takes any number", arguments: 0..<20)
  func totality(seed: UInt64) {
    var random = Randomness(seed: seed)
    let numbers: [UInt64] = [
      0, 1, 4_095, 4_096, millisecond, WarpBudget.whole, 1 << 40, 1 << 62, 1 << 63, .max - 1, .max,
    ]
    var budget = WarpBudget()
    for _ in 0..<500 {
      if random.below(2) == 0 {
        _ = budget.draw(random.pick(numbers), now: random.pick(numbers))
      } else {
        budget.settle(random.pick(numbers), ran: random.pick(numbers), now: random.pick(numbers))
      }
      check(budget.drawn <= WarpBudget.whole)
    }
  }
}
