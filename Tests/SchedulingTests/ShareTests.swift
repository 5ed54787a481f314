// SPDX-License-Identifier: Apache-2.0
//
// What domains get of one CPU and of two: shares by weight and number of vCPUs, caps of a whole domain, and nothing more by
// any trick.

import Testing

@testable import Scheduling

/// What domains of these weights are due of `cpus` CPUs, in CPUs: by weight, but no vCPU gets more than a whole one.
private func due(_ weights: [UInt16], vcpus: Int, cpus: Int) -> [Double] {
  var shares = weights.map { _ in 0.0 }
  var open = Array(weights.indices)
  var left = Double(cpus)
  while !open.isEmpty {
    let total = open.reduce(0.0) { $0 + Double(weights[$1]) }
    let full = open.filter { Double(weights[$0]) / total * left >= Double(vcpus) }
    if full.isEmpty {
      for index in open { shares[index] = Double(weights[index]) / total * left }
      return shares
    }
    for index in full { shares[index] = Double(vcpus) }
    left -= Double(full.count * vcpus)
    open.removeAll { full.contains($0) }
  }
  return shares
}

struct ShareTests {
  @Test("Domains of weights 1:2:4 get their shares within 3%", arguments: [1, 2], [1, 2, 3, 4])
  func weights(cpus: Int, vcpus: Int) {
    let weights: [UInt16] = [256, 512, 1_024]
    var machine = Simulation(cpus: cpus)
    let domains = weights.map { weight in (0..<vcpus).map { _ in machine.add(weight: weight) } }
    // All start on one CPU.
    machine.run(for: 2 * second)
    let before = domains.map { $0.reduce(0) { $0 + machine.runTime($1) } }
    machine.run(for: 10 * second)
    let expected = due(weights, vcpus: vcpus, cpus: cpus)
    for (number, domain) in domains.enumerated() {
      let ran = domain.reduce(0) { $0 + machine.runTime($1) } - before[number]
      let share = Double(ran) / Double(10 * second)
      #expect(abs(share - expected[number]) < 0.03 * expected[number], "\(share) instead of \(expected[number])")
    }
  }

  @Test("A cap is the domain's: its vCPUs use it together, whichever of them are busy", arguments: [1, 2, 4])
  func cap(busy: Int) {
    let window = 10 * millisecond
    var machine = Simulation(cpus: 4, start: 5 * window)
    let group = machine.store.addGroup()
    let budget = CapState.budget(percent: 80, sharers: 4, window: window)
    let vcpus = (0..<4).map { number in
      machine.add(
        number < busy ? .hog : Behaviour(burst: 10 * microsecond, rest: second), capBudget: budget, group: group,
        sharers: 4, on: number)
    }
    for number in 0..<4 { machine.add(on: number) }
    machine.run(for: 1 * second)
    var before: UInt64 = vcpus.reduce(0) { $0 + machine.runTime($1) }
    let start = before
    for _ in 0..<100 {
      machine.run(for: window)
      let ran = vcpus.reduce(0) { $0 + machine.runTime($1) }
      #expect(ran - before <= budget)
      before = ran
    }
    // One busy vCPU among hogs gets half a CPU at most; more of them use the cap up.
    let wanted = min(budget, window * UInt64(busy) / 2)
    #expect(Double(before - start) > 0.9 * Double(100 * wanted))
  }

  @Test("Capped vCPUs of one domain have equal parts of its cap")
  func equalPartsOfACap() {
    var machine = Simulation(cpus: 2, start: 10 * millisecond)
    let group = machine.store.addGroup()
    let budget = CapState.budget(percent: 100, sharers: 3, window: 10 * millisecond)
    let vcpus = (0..<3).map { machine.add(capBudget: budget, group: group, sharers: 3, on: $0 % 2) }
    machine.run(for: 6 * second)
    let ran = vcpus.map { Double(machine.runTime($0)) / Double(6 * second) }
    #expect(abs(ran.reduce(0, +) - 1) < 0.01)
    for part in ran { #expect(part > 0.2 && part < 0.5, "\(ran)") }
  }

  @Test("A debt is paid back before anything is drawn")
  func debt() {
    var shared = SharedBudget()
    shared.open(at: 5_500, budget: 300, window: 1_000)
    #expect(shared.draw(200) == 200)
    shared.settle(drawn: 200, used: 1_100, end: 6_000, window: 1_000)
    #expect(shared.left == 100 - 900)
    shared.open(at: 7_000, budget: 300, window: 1_000)
    #expect(shared.left == -200 && shared.draw(1) == 0)
    shared.open(at: 8_000, budget: 300, window: 1_000)
    #expect(shared.draw(1_000) == 100)
    // A piece of a window that is over is worth nothing.
    shared.open(at: 9_000, budget: 300, window: 1_000)
    shared.settle(drawn: 100, used: 0, end: 9_000, window: 1_000)
    #expect(shared.left == 300)
  }

  @Test("A domain of many vCPUs takes from others no more than its number of vCPUs")
  func manyVCPUs() {
    var machine = Simulation(cpus: 2)
    let victims = (0..<2).map { machine.add(on: $0) }
    // Some compute, some wake and sleep all the time, as a fork bomb does.
    for number in 0..<20 {
      machine.add(number < 10 ? .hog : Behaviour(burst: 200 * microsecond, rest: 50 * microsecond), warp: .usual)
    }
    // All of them have started on one CPU.
    machine.run(for: 500 * millisecond)
    let before = victims.map { machine.runTime($0) }
    machine.run(for: 4 * second)
    let fair = 2.0 / 22
    for (number, victim) in victims.enumerated() {
      #expect(Double(machine.runTime(victim) - before[number]) / Double(4 * second) > 0.95 * fair)
    }
  }

  @Test("Three hundred vCPUs on a CPU have equal shares")
  func threeHundred() {
    var machine = Simulation()
    let hogs = (0..<300).map { _ in machine.add() }
    machine.run(for: 3 * second)
    for hog in hogs { #expect(abs(Double(machine.runTime(hog)) - 10e6) <= 2e6) }
  }

  @Test("Being paused and unpaused gains nothing", arguments: [1, 3, 17])
  func pausing(period: UInt64) {
    var machine = Simulation()
    let paused = machine.add(warp: .usual)
    let other = machine.add(warp: .usual)
    let cpu = machine.cpus[0]
    for _ in 0..<300 {
      machine.run(for: period * millisecond)
      cpu.needsDecision = cpu.queue.sleep(paused, as: .offline, in: &machine.store, now: machine.now)
      machine.run(for: period * millisecond / 10)
      let outcome = cpu.queue.wake(paused, in: &machine.store, now: machine.now)
      if outcome == .reschedule { cpu.needsDecision = true }
      #expect(!machine.store[paused].isWarping)
    }
    #expect(machine.share(paused) <= 0.505)
    #expect(machine.share(other) >= 0.495)
  }

  @Test("A vCPU that is made late starts where the others are")
  func lateVCPU() {
    var machine = Simulation()
    let old = machine.add()
    machine.run(for: 20 * second)
    let new = machine.add()
    machine.run(for: 1 * second)
    #expect(abs(Double(machine.runTime(new)) - 0.5e9) < 0.012e9)
    #expect(abs(Double(machine.runTime(old)) - 20.5e9) < 0.012e9)
  }

  @Test("An exchange evens out what no single move can")
  func exchange() {
    // 9 against 5: no move of a 4 or 5 helps, but a 5 for a 3 does.
    var machine = Simulation(cpus: 2)
    machine.balancePeriod = 1 << 40
    for weight in [1_024, 1_280] as [UInt16] { machine.add(weight: weight, on: 0) }
    for weight in [512, 768] as [UInt16] { machine.add(weight: weight, hard: .all, on: 1) }
    machine.settle()
    var store = machine.store
    let (heavy, light) = (machine.cpus[0].queue.runnableWeight, machine.cpus[1].queue.runnableWeight)
    #expect(heavy == 2_304 && light == 1_280)
    #expect(
      machine.cpus[0].queue.stealCandidate(for: 1, purpose: .balance(weight: light), in: &store) == nil
        || heavy - light >= 1_024)
    let offer = machine.cpus[1].queue.exchangeOffer(to: 0, in: &store)!
    let purpose = StealPurpose.exchange(weight: light, offered: store[offer].weight)
    let taken = machine.cpus[0].queue.stealCandidate(for: 1, purpose: purpose, in: &store)!
    let net = UInt64(store[taken].weight) - UInt64(store[offer].weight)
    #expect(net > 0 && abs(Int64(heavy - net) - Int64(light + net)) < Int64(heavy - light))
    // Nobody goes where he may not.
    store[offer].hardAffinity = CPUMask(cpu: 1)
    #expect(machine.cpus[1].queue.exchangeOffer(to: 0, in: &store) != offer)
  }

  @Test("Running and idle time together are the time there was")
  func idleTime() {
    var machine = Simulation(cpus: 2, start: 0)
    for number in 0..<3 {
      machine.add(
        Behaviour(burst: (1 + UInt64(number)) * millisecond, rest: 4 * millisecond), weight: 256, warp: .usual)
    }
    machine.run(for: 3 * second)
    let running = (0..<3).reduce(0) { $0 + machine.runTime(EntityIndex($1)) }
    let idle = machine.cpus.reduce(0) { $0 + $1.queue.idleTime.total(at: machine.now) }
    #expect(running + idle == 6 * second)
    #expect(idle > 1 * second && running > 1 * second)
  }
}
