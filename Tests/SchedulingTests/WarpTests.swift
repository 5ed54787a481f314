// SPDX-License-Identifier: Apache-2.0
//
// Warp is a loan: it changes who goes first, never what anybody gets in the long run, and limits bound even its bursts.

import Testing

@testable import Scheduling

struct WarpTests {
  @Test("An unlimited warp still leaves the others their share")
  func unlimitedWarp() {
    var machine = Simulation()
    let warped = machine.add(warp: WarpSettings(value: 100 * millisecond))
    let others = [machine.add(), machine.add()]
    machine.run(for: 30 * second)
    // The advantage is the loan, once.
    let third = 10 * second
    #expect(machine.runTime(warped) >= third)
    #expect(machine.runTime(warped) <= third + 100 * millisecond + 20 * millisecond)
    for other in others { #expect(machine.runTime(other) + 60 * millisecond >= third) }
  }

  @Test("A warping entity that dodges its limit by short sleeps gets no more than limit / (limit + recovery) warped")
  func limitedWarp() {
    // A loan so large that without the limit it would hold the CPU for 1,000 s.
    let settings = WarpSettings(value: 1_000 * second, limit: 5 * millisecond, recovery: 45 * millisecond)
    for rest in [10 * microsecond, 1 * millisecond, 30 * millisecond] {
      for burst in [100 * microsecond, 4 * millisecond, 4_999 * microsecond, UInt64.max] {
        var machine = Simulation()
        let attacker = machine.add(Behaviour(burst: burst, rest: rest), warp: settings)
        let victim = machine.add()
        var before: UInt64 = 0
        for _ in 0..<80 {
          machine.run(for: 25 * millisecond)
          #expect(machine.runTime(victim) > before, "the victim starves")
          before = machine.runTime(victim)
        }
        // Half by its weight, and one loaned burst.
        #expect(machine.share(attacker) <= 0.51)
        #expect(machine.share(victim) >= 0.49)
      }
    }
  }

  @Test("A burst ends at its limit to the nanosecond, and the next one waits for the recovery")
  func burst() {
    var store = ArrayStore()
    var queue = RunQueue(cpu: 0)
    let hog = store.add()
    let warped = store.add(
      warp: WarpSettings(value: 50 * millisecond, limit: 3 * millisecond, recovery: 20 * millisecond))
    for index in [hog, warped] { #expect(queue.admit(index, in: &store, now: 0) == .none) }
    #expect(queue.wake(hog, in: &store, now: 0) == .reschedule)
    #expect(queue.decide(in: &store, now: 0).next == hog)
    #expect(queue.wake(warped, in: &store, now: 0) == .reschedule)
    let first = queue.decide(in: &store, now: 0)
    #expect(first.next == warped)
    #expect(first.runFor == 3 * millisecond)
    #expect(store[warped].isWarping)
    let second = queue.decide(in: &store, now: 3 * millisecond)
    #expect(second.next == hog)
    #expect(!store[warped].isWarping)
    #expect(store[warped].effective == store[warped].actual)
    // It sleeps a little and wakes: no warp before 23 ms, whatever it does.
    _ = queue.sleep(warped, as: .blocked, in: &store, now: 4 * millisecond)
    _ = queue.wake(warped, in: &store, now: 5 * millisecond)
    #expect(!store[warped].isWarping)
    _ = queue.sleep(warped, as: .blocked, in: &store, now: 22_999_999)
    _ = queue.wake(warped, in: &store, now: 22_999_999)
    #expect(!store[warped].isWarping)
    _ = queue.sleep(warped, as: .blocked, in: &store, now: 23 * millisecond)
    #expect(queue.wake(warped, in: &store, now: 23 * millisecond) == .reschedule)
    #expect(store[warped].isWarping)
    #expect(queue.firstBrokenRule(in: &store) == nil)
  }

  @Test("The virtual time of the queue ignores loans")
  func virtualTimeIsOfActualTimes() {
    var machine = Simulation()
    machine.add(warp: WarpSettings(value: 30 * millisecond))
    machine.add()
    for _ in 0..<500 {
      machine.run(for: 1_700 * microsecond)
      let least = machine.store.entities.map { $0.actual.rawValue }.min()!
      #expect(machine.cpus[0].queue.virtualTime.rawValue <= least)
      #expect(machine.cpus[0].queue.virtualTime.rawValue + 12 * millisecond >= least)
    }
  }

  @Test("Changing the warp of queued, current and sleeping entities keeps the queue whole")
  func changingWarp() {
    var machine = Simulation()
    let entities = (0..<6).map { _ in machine.add() }
    let sleeper = machine.add(Behaviour(burst: 1 * millisecond, rest: 3 * millisecond))
    var random = Randomness(seed: 5)
    for _ in 0..<300 {
      let index = random.pick(entities + [sleeper])
      let settings = WarpSettings(
        value: random.next() % (40 * millisecond), limit: random.next() % (9 * millisecond),
        recovery: random.next() % (30 * millisecond))
      let queue = machine.cpus[0]
      if queue.queue.setWarp(settings, of: index, in: &machine.store, now: machine.now) { queue.needsDecision = true }
      machine.run(for: random.next() % (5 * millisecond))
      #expect(machine.store[index].warpSettings == settings)
    }
    for entity in entities { #expect(machine.runTime(entity) > 0) }
  }
}

/// The warp that every vCPU has.
struct UsualWarpTests {
  @Test("Who is woken among computing domains runs at once, also with a lead", arguments: [1, 4, 12])
  func latency(hogs: Int) {
    var machine = Simulation()
    for _ in 0..<hogs { machine.add(warp: .usual) }
    // 150 us of work every 5 ms: a twentieth of its fair share at most, so its bursts recover.
    let woken = machine.add(Behaviour(burst: 150 * microsecond, rest: 25 * millisecond), warp: .usual)
    machine.run(for: 2 * second)
    #expect(machine.worstLatency[Int(woken.rawValue)] == 0)
  }

  @Test("Who wakes all the time gets its share and no more", arguments: [20, 300, 1_900])
  func attacker(burst: UInt64) {
    var machine = Simulation()
    let attacker = machine.add(
      Behaviour(burst: burst * microsecond, rest: 5 * microsecond), warp: .usual)
    let victim = machine.add(warp: .usual)
    var before: UInt64 = 0
    for _ in 0..<100 {
      machine.run(for: 25 * millisecond)
      #expect(machine.runTime(victim) > before + 5 * millisecond, "the victim starves")
      before = machine.runTime(victim)
    }
    #expect(machine.share(attacker) <= 0.51)
  }

  @Test("Who never sleeps never warps, and who wakes alone does not begin")
  func onlyWakers() {
    var store = ArrayStore()
    var queue = RunQueue(cpu: 0)
    let entities = (0..<2).map { _ in store.add(warp: .usual) }
    for index in entities { _ = queue.admit(index, in: &store, now: 0) }
    _ = queue.sleep(entities[0], as: .blocked, in: &store, now: 0)
    _ = queue.sleep(entities[1], as: .blocked, in: &store, now: 0)
    _ = queue.wake(entities[0], in: &store, now: 10)
    #expect(!store[entities[0]].isWarping)
    #expect(queue.decide(in: &store, now: 10).next == entities[0])
    #expect(queue.wake(entities[1], in: &store, now: 20) == .reschedule)
    #expect(store[entities[1]].isWarping)
    let decision = queue.decide(in: &store, now: 20)
    #expect(decision.next == entities[1] && decision.runFor == 2 * millisecond)
    // The burst is over, and being queued again begins no other.
    _ = queue.decide(in: &store, now: 20 + 2 * millisecond)
    #expect(!store[entities[1]].isWarping)
    for turn in 1..<20 as Range<UInt64> {
      _ = queue.decide(in: &store, now: turn * 10 * millisecond)
      #expect(!store[entities[0]].isWarping && !store[entities[1]].isWarping)
    }
  }
}
