// SPDX-License-Identifier: Apache-2.0
//
// A machine of simulated CPUs and entities under a simulated clock. It uses the queues as the hypervisor does, and checks
// at every event what must hold always: the queues' rules, affinity, caps, work conservation, and that no time is lost.

import Testing

@testable import Scheduling

/// Records an issue when `condition` is false; `#expect` is too slow for every event of a simulation.
func check(
  _ condition: Bool, _ message: @autoclosure () -> String = "a check failed",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  if !condition { Issue.record("\(message())", sourceLocation: sourceLocation) }
}

/// One simulated CPU.
final class SimulatedCPU {
  var queue: RunQueue
  var needsDecision = false
  var busyTime: UInt64 = 0
  var nextBalance: UInt64 = 0
  init(_ queue: consuming RunQueue) { self.queue = queue }
}

/// What an entity does: run for `burst`, sleep for `rest`, again and again. A hog never sleeps.
struct Behaviour {
  var burst: UInt64
  var rest: UInt64
  /// When it is not 0: it sleeps until the next multiple of this instead, so that all with the same period wake together.
  var period: UInt64 = 0
  static let hog = Behaviour(burst: .max, rest: 0)
}

/// The machine.
struct Simulation {
  var store = ArrayStore()
  var cpus: [SimulatedCPU]
  var now: UInt64
  let start: UInt64
  var behaviours: [Behaviour] = []
  /// When a sleeping entity wakes, `max` when it is not asleep.
  var wakeTimes: [UInt64] = []
  /// How much of its burst an entity has left.
  var burstLeft: [UInt64] = []
  /// When a waiting entity woke, `max` when it does not wait after a wake.
  var wokenAt: [UInt64] = []
  /// The longest time from wake to dispatch.
  var worstLatency: [UInt64] = []
  /// The longest time that an entity has waited for a CPU, whether after a wake or after it had to give way.
  var worstWait: [UInt64] = []
  var created: [UInt64] = []
  var switches = 0
  var steals = 0
  /// Whether CPUs take work from each other, and how often busy ones balance.
  var balancePeriod: UInt64 = 100 * millisecond
  /// How late every timer is.
  var timerLateness: UInt64 = 0

  init(cpus count: Int = 1, parameters: SchedulingParameters = SchedulingParameters(), start: UInt64 = 0) {
    cpus = (0..<count).map { SimulatedCPU(RunQueue(cpu: $0, parameters: parameters)) }
    now = start
    self.start = start
    for (number, cpu) in cpus.enumerated() {
      cpu.nextBalance = start + balancePeriod + UInt64(number) * balancePeriod / UInt64(count)
    }
  }

  /// Adds an entity that starts runnable on `cpu`.
  @discardableResult
  mutating func add(
    _ behaviour: Behaviour = .hog, weight: UInt16 = 256, warp: WarpSettings = .none, capBudget: UInt64 = 0,
    hard: CPUMask = .all, soft: CPUMask = .all, group: Int? = nil, sharers: UInt32 = 1, on cpu: Int = 0
  ) -> EntityIndex {
    let index = store.add(
      weight: weight, warp: warp, capBudget: capBudget, hard: hard, soft: soft, group: group, sharers: sharers, now: now
    )
    behaviours.append(behaviour)
    wakeTimes.append(.max)
    burstLeft.append(behaviour.burst)
    wokenAt.append(.max)
    worstLatency.append(0)
    worstWait.append(0)
    created.append(now)
    check(cpus[cpu].queue.admit(index, in: &store, now: now) == .none)
    handle(cpus[cpu].queue.wake(index, in: &store, now: now), on: cpu)
    return index
  }

  private func handle(_ outcome: WakeOutcome, on cpu: Int) {
    if outcome == .reschedule { cpus[cpu].needsDecision = true }
  }

  /// Nanoseconds that an entity has run.
  func runTime(_ index: EntityIndex) -> UInt64 { store[index].account.times(at: now).running }

  /// The part of the time since the start that an entity has run.
  func share(_ index: EntityIndex) -> Double { Double(runTime(index)) / Double(now - start) }

  /// Lets the machine run for `duration`.
  mutating func run(for duration: UInt64) {
    let end = now + duration
    settle()
    while now < end {
      let next = max(now, min(end, nextEvent()))
      for cpu in cpus {
        if let current = cpu.queue.current {
          cpu.busyTime += next - now
          let left = burstLeft[Int(current.rawValue)]
          if left != .max { burstLeft[Int(current.rawValue)] = left - (next - now) }
        }
      }
      now = next
      for (number, entity) in store.entities.enumerated() where entity.account.state == .runnable {
        worstWait[number] = max(worstWait[number], now - entity.account.since)
      }
      fireEvents()
      settle()
    }
    checkConservation()
  }

  private func nextEvent() -> UInt64 {
    var next = wakeTimes.min() ?? .max
    for cpu in cpus {
      if cpu.queue.sliceEnd != .max { next = min(next, cpu.queue.sliceEnd + timerLateness) }
      if let current = cpu.queue.current, burstLeft[Int(current.rawValue)] != .max {
        next = min(next, now + burstLeft[Int(current.rawValue)])
      }
      if cpus.count > 1 { next = min(next, cpu.nextBalance) }
    }
    return next
  }

  private mutating func fireEvents() {
    for cpu in cpus {
      if let current = cpu.queue.current, burstLeft[Int(current.rawValue)] == 0 {
        let number = Int(current.rawValue)
        cpu.needsDecision = cpu.queue.sleep(current, as: .blocked, in: &store, now: now)
        let behaviour = behaviours[number]
        wakeTimes[number] =
          behaviour.period == 0 ? now + behaviour.rest : (now / behaviour.period + 1) * behaviour.period
      }
      if cpu.queue.sliceEnd != .max, cpu.queue.sliceEnd + timerLateness <= now { cpu.needsDecision = true }
      if cpus.count > 1, cpu.nextBalance <= now {
        cpu.nextBalance += balancePeriod
        balance(cpu)
      }
    }
    settle()
    for number in wakeTimes.indices where wakeTimes[number] <= now {
      wakeTimes[number] = .max
      burstLeft[number] = behaviours[number].burst
      wokenAt[number] = now
      wake(EntityIndex(UInt32(number)))
    }
  }

  private mutating func wake(_ index: EntityIndex) {
    let home = Int(store[index].cpu)
    let chosen = place(index) ?? home
    if chosen != home, cpus[home].queue.withdraw(index, in: &store, now: now) {
      check(cpus[chosen].queue.admit(index, in: &store, now: now) == .none)
      handle(cpus[chosen].queue.wake(index, in: &store, now: now), on: chosen)
    } else {
      handle(cpus[home].queue.wake(index, in: &store, now: now), on: home)
    }
  }

  private func place(_ index: EntityIndex) -> Int? {
    var idle = CPUMask()
    for (number, cpu) in cpus.enumerated() where cpu.queue.isIdle { idle.insert(number) }
    return choosePlacement(
      hard: store[index].hardAffinity, soft: store[index].softAffinity, previous: Int(store[index].cpu),
      online: CPUMask(firstCPUs: cpus.count), idle: idle, load: { cpus[$0].queue.runnableWeight })
  }

  private mutating func balance(_ thief: SimulatedCPU) {
    guard !thief.queue.isIdle else { return }
    let victim = cpus.max { $0.queue.runnableWeight < $1.queue.runnableWeight }!
    guard victim !== thief else { return }
    var moves = 0
    while moves < 8, steal(from: victim, for: thief, purpose: .balance(weight: thief.queue.runnableWeight)) {
      moves += 1
    }
    if moves > 0 { return }
    guard let offer = thief.queue.exchangeOffer(to: victim.queue.cpu, in: &store) else { return }
    let purpose = StealPurpose.exchange(weight: thief.queue.runnableWeight, offered: store[offer].weight)
    if steal(from: victim, for: thief, purpose: purpose) {
      check(thief.queue.withdraw(offer, in: &store, now: now))
      handle(victim.queue.admit(offer, in: &store, now: now), on: victim.queue.cpu)
    }
  }

  @discardableResult
  private mutating func steal(from victim: SimulatedCPU, for thief: SimulatedCPU, purpose: StealPurpose) -> Bool {
    guard
      let index = victim.queue.stealCandidate(for: thief.queue.cpu, purpose: purpose, in: &store)
    else { return false }
    let times = store[index].account.times(at: now)
    check(victim.queue.withdraw(index, in: &store, now: now))
    handle(thief.queue.admit(index, in: &store, now: now), on: thief.queue.cpu)
    check(store[index].account.times(at: now) == times)
    steals += 1
    return true
  }

  /// Takes decisions until no CPU needs one, idle CPUs stealing, and checks the result.
  mutating func settle() {
    var isSettled = false
    while !isSettled {
      isSettled = true
      for cpu in cpus where cpu.needsDecision {
        cpu.needsDecision = false
        isSettled = false
        decide(on: cpu)
      }
      for cpu in cpus where cpu.queue.isIdle {
        for victim in cpus where victim !== cpu {
          if steal(from: victim, for: cpu, purpose: .idle) {
            isSettled = false
            break
          }
        }
      }
    }
    checkRules()
  }

  private mutating func decide(on cpu: SimulatedCPU) {
    let previous = cpu.queue.current
    let decision = cpu.queue.decide(in: &store, now: now)
    check(decision.next == cpu.queue.current)
    check(decision.isSwitch == (decision.next != previous))
    check(decision.runFor > 0 || decision.next == nil)
    if decision.isSwitch { switches += 1 }
    cpu.queue.completeSwitch()
    if let next = decision.next {
      let number = Int(next.rawValue)
      check(store[next].hardAffinity.contains(cpu.queue.cpu), "affinity is broken")
      if wokenAt[number] != .max {
        worstLatency[number] = max(worstLatency[number], now - wokenAt[number])
        wokenAt[number] = .max
      }
    }
    if let displaced = decision.displaced, let target = place(displaced) {
      handle(cpus[target].queue.admit(displaced, in: &store, now: now), on: target)
    }
  }

  /// Changes an entity's hard affinity, as a toolstack would.
  mutating func pin(_ index: EntityIndex, to hard: CPUMask) {
    let cpu = cpus[Int(store[index].cpu)]
    guard cpu.queue.setAffinity(hard: hard, soft: .all, of: index, in: &store) else { return }
    if cpu.queue.current == index {
      cpu.needsDecision = true
    } else {
      check(cpu.queue.withdraw(index, in: &store, now: now))
      if let target = place(index) { handle(cpus[target].queue.admit(index, in: &store, now: now), on: target) }
    }
    settle()
  }

  /// The rules of every queue, and work conservation: no CPU idles while an entity waits that may run there.
  private mutating func checkRules() {
    for cpu in cpus {
      if let broken = cpu.queue.firstBrokenRule(in: &store) { Issue.record("\(broken)") }
      check(store.doPiecesAddUp, "Q5: the pieces do not add up")
      guard cpu.queue.current == nil else { continue }
      for entity in store.entities where entity.membership == .queued {
        check(!entity.hardAffinity.contains(cpu.queue.cpu), "a CPU idles while somebody waits")
      }
    }
  }

  /// Every entity's times sum exactly to its age, and all running time is some CPU's busy time.
  func checkConservation() {
    var running: UInt64 = 0
    for (number, entity) in store.entities.enumerated() {
      let times = entity.account.times(at: now)
      check(times.total == now - created[number])
      running += times.running
    }
    check(running == cpus.reduce(0) { $0 + $1.busyTime })
  }
}
