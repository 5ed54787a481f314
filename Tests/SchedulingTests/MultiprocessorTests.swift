// SPDX-License-Identifier: Apache-2.0
//
// Many CPUs: stealing keeps none idle while another has work it could do (checked at every event of the simulation),
// balancing evens out shares, and nothing ever runs outside its hard affinity.

import Testing

@testable import Scheduling

struct MultiprocessorTests {
  @Test("Equal entities get equal shares on any number of CPUs", arguments: [(3, 2), (5, 4), (7, 3), (9, 4), (4, 4)])
  func equalShares(entities: Int, cpus: Int) {
    var machine = Simulation(cpus: cpus)
    let hogs = (0..<entities).map { _ in machine.add() }
    machine.run(for: 6 * second)
    let expected = Double(cpus) / Double(entities)
    for hog in hogs { #expect(abs(machine.share(hog) - expected) < 0.05 * expected) }
    #expect(machine.cpus.allSatisfy { $0.busyTime == machine.now })
  }

  @Test("Weighted shares hold over CPUs")
  func weightedShares() {
    var machine = Simulation(cpus: 4)
    var hogs: [(EntityIndex, Double)] = []
    for weight in [128, 256, 512] as [UInt16] {
      for _ in 0..<6 { hogs.append((machine.add(weight: weight), Double(weight))) }
    }
    // All start on one CPU: the first second is for spreading out.
    machine.run(for: 1 * second)
    let before = hogs.map { machine.runTime($0.0) }
    machine.run(for: 5 * second)
    let total = hogs.reduce(0) { $0 + $1.1 }
    for (number, (hog, weight)) in hogs.enumerated() {
      let expected = 4 * weight / total
      let share = Double(machine.runTime(hog) - before[number]) / Double(5 * second)
      #expect(abs(share - expected) < 0.06 * expected)
    }
  }

  @Test("Random populations: affinity, work conservation and accounts hold", arguments: 0..<12)
  func randomPopulation(seed: UInt64) {
    var random = Randomness(seed: seed + 7)
    let count = 2 + random.below(4)
    var machine = Simulation(cpus: count, start: random.next() % (1 << 62))
    var entities: [EntityIndex] = []
    for _ in 0..<(count * 3) {
      var hard = CPUMask()
      for cpu in 0..<count where random.below(3) != 0 { hard.insert(cpu) }
      if hard.isEmpty || random.below(3) == 0 { hard = .all }
      let behaviour =
        random.below(4) == 0
        ? .hog : Behaviour(burst: 1 + random.next() % (5 * millisecond), rest: random.next() % (10 * millisecond))
      let capBudget = random.below(5) == 0 ? 3 * millisecond : 0
      let soft = random.below(2) == 0 ? CPUMask.all : CPUMask(cpu: random.below(count))
      entities.append(
        machine.add(
          behaviour, weight: random.pick([100, 256, 700]), capBudget: capBudget, hard: hard, soft: soft,
          on: hard.first!))
    }
    for _ in 0..<8 {
      machine.run(for: 50 * millisecond)
      machine.pin(random.pick(entities), to: CPUMask(cpu: random.below(count)))
    }
    for entity in entities { #expect(machine.runTime(entity) > 0) }
    #expect(machine.steals > 0)
  }

  @Test("A move keeps the lead over the queue's virtual time")
  func leadIsKept() {
    var store = ArrayStore()
    var first = RunQueue(cpu: 0)
    var second = RunQueue(cpu: 1)
    second.virtualTime = VirtualTime(UInt64(bitPattern: -1))
    let entities = (0..<3).map { _ in store.add() }
    for index in entities {
      #expect(first.admit(index, in: &store, now: 0) == .none)
      _ = first.wake(index, in: &store, now: 0)
    }
    #expect(first.decide(in: &store, now: 0).next == entities[0])
    #expect(first.decide(in: &store, now: 3 * millisecond).next == entities[1])
    // Current, and just switched away from: neither moves.
    #expect(!first.withdraw(entities[1], in: &store, now: 3 * millisecond))
    #expect(!first.withdraw(entities[0], in: &store, now: 3 * millisecond))
    #expect(first.stealCandidate(for: 1, purpose: .idle, in: &store) == entities[2])
    first.completeSwitch()
    #expect(first.withdraw(entities[0], in: &store, now: 3 * millisecond))
    #expect(!store[entities[0]].isAdmitted)
    #expect(second.admit(entities[0], in: &store, now: 3 * millisecond) == .reschedule)
    #expect(store[entities[0]].actual.distance(from: second.virtualTime) == Int64(3 * millisecond))
    #expect(second.decide(in: &store, now: 3 * millisecond).next == entities[0])
    #expect(store[entities[0]].account.times(at: 3 * millisecond).total == 3 * millisecond)
    // A queue does nothing with another's entities.
    #expect(first.wake(entities[0], in: &store, now: 4 * millisecond) == .none)
    #expect(!first.withdraw(entities[0], in: &store, now: 4 * millisecond))
    #expect(!first.sleep(entities[0], as: .blocked, in: &store, now: 4 * millisecond))
    #expect(first.firstBrokenRule(in: &store) == nil && second.firstBrokenRule(in: &store) == nil)
  }

  @Test("Stealing: who qualifies")
  func stealing() {
    var store = ArrayStore()
    var queue = RunQueue(cpu: 0)
    func admit(_ index: EntityIndex, at now: UInt64) {
      _ = queue.admit(index, in: &store, now: now)
      _ = queue.wake(index, in: &store, now: now)
    }
    let current = store.add()
    admit(current, at: 0)
    // The only one stays.
    #expect(queue.stealCandidate(for: 1, purpose: .idle, in: &store) == nil)
    #expect(queue.decide(in: &store, now: 0).next == current)
    let pinned = store.add(hard: CPUMask(cpu: 0))
    admit(pinned, at: 1)
    #expect(queue.stealCandidate(for: 1, purpose: .idle, in: &store) == nil)
    let homely = store.add(soft: CPUMask(cpu: 0))
    admit(homely, at: 2)
    #expect(queue.stealCandidate(for: 1, purpose: .idle, in: &store) == homely)
    #expect(queue.stealCandidate(for: 1, purpose: .balance(weight: 0), in: &store) == nil)
    let willing = store.add(weight: 512)
    admit(willing, at: 3)
    #expect(queue.stealCandidate(for: 1, purpose: .idle, in: &store) == willing)
    check(queue.runnableWeight == 3 * 256 + 512)
    #expect(queue.stealCandidate(for: 1, purpose: .balance(weight: 768), in: &store) == willing)
    #expect(queue.stealCandidate(for: 1, purpose: .balance(weight: 769), in: &store) == nil)
    let light = store.add(weight: 100)
    admit(light, at: 4)
    // The one that evens out most, and the light one when only that fits.
    #expect(queue.stealCandidate(for: 1, purpose: .balance(weight: 0), in: &store) == willing)
    #expect(queue.stealCandidate(for: 1, purpose: .balance(weight: 1_200), in: &store) == light)
    #expect(queue.stealCandidate(for: 0, purpose: .idle, in: &store) == nil)
  }

  @Test("An entity that may not stay and could not be withdrawn does not run: the decision sends it on")
  func displacedWhileQueued() {
    var store = ArrayStore()
    var queue = RunQueue(cpu: 0)
    let entities = (0..<3).map { _ in store.add() }
    for index in entities { _ = queue.admit(index, in: &store, now: 0) }
    // It idles with its registers still in the hardware.
    _ = queue.wake(entities[0], in: &store, now: 0)
    #expect(queue.decide(in: &store, now: 0).next == entities[0])
    _ = queue.sleep(entities[0], as: .blocked, in: &store, now: 5)
    #expect(queue.decide(in: &store, now: 5).next == nil)
    #expect(queue.setAffinity(hard: CPUMask(cpu: 1), soft: .all, of: entities[0], in: &store))
    #expect(!queue.withdraw(entities[0], in: &store, now: 6))
    #expect(queue.setAffinity(hard: CPUMask(cpu: 1), soft: .all, of: entities[1], in: &store))
    for index in entities { _ = queue.wake(index, in: &store, now: 10) }
    let first = queue.decide(in: &store, now: 10)
    #expect(first.displaced == entities[0] && first.next == nil && first.runFor == 0)
    let second = queue.decide(in: &store, now: 10)
    #expect(second.displaced == entities[1] && second.next == entities[2])
    #expect(!store[entities[0]].isAdmitted && store[entities[0]].isRunnable)
    check(queue.runnableCount == 1)
    #expect(queue.firstBrokenRule(in: &store) == nil)
  }

  @Test("Placement follows its order of preference")
  func placement() {
    let online = CPUMask(firstCPUs: 8)
    let pair = CPUMask(cpu: 2).union(CPUMask(cpu: 5))
    func place(hard: CPUMask = .all, soft: CPUMask = .all, previous: Int, idle: CPUMask) -> Int? {
      choosePlacement(
        hard: hard, soft: soft, previous: previous, online: online, idle: idle, load: { UInt64(100 - $0) })
    }
    #expect(place(previous: 3, idle: .all) == 3)
    #expect(place(previous: 3, idle: pair) == 5)
    #expect(place(previous: 6, idle: pair) == 2)
    #expect(place(soft: pair, previous: 3, idle: .all) == 5)
    #expect(place(soft: pair, previous: 3, idle: CPUMask(cpu: 3)) == 3)
    #expect(place(soft: pair, previous: 3, idle: CPUMask(cpu: 4)) == 4)
    #expect(place(soft: pair, previous: 2, idle: CPUMask()) == 2)
    #expect(place(soft: pair, previous: 3, idle: CPUMask()) == 5)
    #expect(place(soft: CPUMask(cpu: 200), previous: 3, idle: CPUMask()) == 3)
    #expect(place(hard: pair, previous: 3, idle: CPUMask()) == 5)
    #expect(place(hard: pair, soft: CPUMask(cpu: 3), previous: 3, idle: .all) == 5)
    #expect(place(hard: CPUMask(cpu: 9), previous: 3, idle: .all) == nil)
    #expect(place(previous: -1, idle: CPUMask()) == 7)
  }
}
