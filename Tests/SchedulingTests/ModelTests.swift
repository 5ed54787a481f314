// SPDX-License-Identifier: Apache-2.0
//
// The run queue against the naive model: long random sequences of operations, and every short one.

import Testing

@testable import Scheduling

extension RunQueue {
  /// A queue in the same state; only tests have a use for one.
  func copy() -> RunQueue {
    var copy = RunQueue(cpu: cpu, parameters: parameters)
    copy.virtualTime = virtualTime
    copy.runnableCount = runnableCount
    copy.runnableWeight = runnableWeight
    copy.sliceEnd = sliceEnd
    copy.currentIndex = currentIndex
    copy.departing = departing
    copy.isYielding = isYielding
    copy.currentAllowance = currentAllowance
    copy.nextTicket = nextTicket
    copy.byActualTime = byActualTime
    copy.byEffectiveTime = byEffectiveTime
    copy.parked = parked
    copy.idleTime = idleTime
    return copy
  }
}

/// What a pair was told, kept for the message of a failure.
enum Operation { case wake, sleep, admit, withdraw, yield, decide, weigh }

/// A run queue and a model that are told the same things.
struct Pair {
  var store = ArrayStore()
  private(set) var cpu: SimulatedCPU
  var model: NaiveModel
  var now: UInt64
  let zero: UInt64
  /// Whether a difference was recorded: what comes after it says nothing new.
  var hasFailed = false
  var operations: [(UInt64, Operation, Int)] = []

  /// `zero` is where the queue's virtual clock starts: anywhere, to make it wrap. Entities that share a domain (all of them have
  /// domains of their own unless it is said how many there are) may not have caps.
  init(count: Int, parameters: SchedulingParameters, zero: UInt64, domains: Int? = nil) {
    var queue = RunQueue(cpu: 3, parameters: parameters)
    queue.virtualTime = VirtualTime(zero)
    cpu = SimulatedCPU(queue)
    model = NaiveModel(count: count, parameters: parameters)
    self.zero = zero
    now = 0
    let domains = domains ?? count
    for _ in 0..<domains { _ = store.addGroup() }
    for number in 0..<count {
      _ = store.add(group: number % domains)
      model.entities[number].domain = number % domains
    }
  }

  /// A pair in the same state that goes its own way.
  func copy() -> Pair {
    var copy = self
    copy.cpu = SimulatedCPU(cpu.queue.copy())
    return copy
  }

  func index(_ number: Int) -> EntityIndex { EntityIndex(UInt32(number)) }

  mutating func same<Value: Equatable>(_ real: Value, _ expected: Value, _ what: @autoclosure () -> String) {
    if real != expected, !hasFailed {
      hasFailed = true
      Issue.record("\(what()): \(real), the model says \(expected), after \(history)")
    }
  }

  mutating func log(_ operation: Operation, _ number: Int = -1) { operations.append((now, operation, number)) }

  var history: String { operations.map { "\($0.0): \($0.1) \($0.2)" }.joined(separator: ", ") }

  mutating func wake(_ number: Int) {
    log(.wake, number)
    same(cpu.queue.wake(index(number), in: &store, now: now), model.wake(number, Int(now)), "wake")
  }

  mutating func sleep(_ number: Int, _ reason: SleepReason) {
    log(.sleep, number)
    same(
      cpu.queue.sleep(index(number), as: reason, in: &store, now: now), model.sleep(number, reason, Int(now)), "sleep")
  }

  mutating func admit(_ number: Int) {
    log(.admit, number)
    same(cpu.queue.admit(index(number), in: &store, now: now), model.admit(number, Int(now)), "admit")
  }

  mutating func withdraw(_ number: Int) {
    log(.withdraw, number)
    same(cpu.queue.withdraw(index(number), in: &store, now: now), model.withdraw(number, Int(now)), "withdraw")
  }

  mutating func yield() {
    log(.yield)
    cpu.queue.yield()
    model.isYielding = model.current != nil
  }

  mutating func decide() {
    log(.decide)
    let real = cpu.queue.decide(in: &store, now: now)
    cpu.queue.completeSwitch()
    let expected = model.decide(Int(now))
    same(real.next, expected.next.map(index), "next")
    same(real.runFor, expected.runFor.map { UInt64($0) } ?? .max, "runFor")
  }

  mutating func setWeight(_ weight: UInt16, _ number: Int) {
    guard model.entities[number].place != .away else { return }
    log(.weigh, number)
    _ = cpu.queue.setWeight(weight, of: index(number), in: &store, now: now)
    model.setWeight(Int(weight), number, Int(now))
  }

  /// Warps and caps are set while the entity is in no queue.
  mutating func configure(_ number: Int, warp: WarpSettings, budget: UInt64) {
    guard model.entities[number].place == .away else { return }
    store[index(number)].setWarp(warp)
    store[index(number)].setCap(budget: budget)
    store.budgets[store.groups[number]] = SharedBudget()
    model.entities[number].warp = warp
    model.entities[number].warps = false
    model.entities[number].warpUsed = 0
    model.entities[number].budget = Int(budget)
    model.entities[number].used = 0
    model.entities[number].drawn = 0
    model.entities[number].left = 0
    model.entities[number].window = -1
  }

  /// Compares all that can be seen.
  mutating func compare() {
    if !hasFailed, let broken = cpu.queue.firstBrokenRule(in: &store) {
      hasFailed = true
      Issue.record("\(broken) after \(history)")
    }
    same(cpu.queue.virtualTime.rawValue &- zero, UInt64(model.virtualTime), "virtual time")
    same(cpu.queue.current, model.current.map(index), "current")
    for number in model.entities.indices {
      let expected = model.entities[number]
      let real = store[index(number)]
      let origin = expected.place == .away ? 0 : zero
      same(real.actual.rawValue &- origin, UInt64(expected.actual), "A of \(number)")
      if expected.place == .queued || expected.place == .current {
        same(real.effective.distance(from: VirtualTime(origin)), Int64(expected.effective), "E of \(number)")
      }
      same(real.account.state, expected.state, "runstate of \(number)")
      var times = expected.times
      times[Int(expected.state.rawValue)] += Int(now) - expected.since
      let realTimes = real.account.times(at: now)
      for state in 0..<4 {
        same(realTimes[Runstate(rawValue: UInt8(state))!], UInt64(times[state]), "time \(state) of \(number)")
      }
      same(realTimes.total, now, "total time of \(number)")
    }
  }
}

struct ModelTests {
  @Test("Random operations give the model's picks", arguments: 0..<60)
  func randomOperations(seed: UInt64) {
    var random = Randomness(seed: seed)
    let parameters = SchedulingParameters(
      allowance: random.pick([0, 100 * microsecond, 1 * millisecond, 3 * millisecond]),
      maximumSlice: random.pick([1 * millisecond, 10 * millisecond]),
      capWindow: random.pick([5 * millisecond, 10 * millisecond]))
    let count = 2 + random.below(seed % 10 == 0 ? 40 : 8)
    let zero = random.pick([0, UInt64(bitPattern: -5_000_000), UInt64(1) << 63 - 3_000_000])
    var pair = Pair(count: count, parameters: parameters, zero: zero)
    for number in 0..<count {
      let warp =
        random.below(3) == 0
        ? WarpSettings(
          value: random.next() % (5 * millisecond), limit: random.next() % (4 * millisecond),
          recovery: random.next() % (10 * millisecond)) : .none
      pair.configure(number, warp: warp, budget: random.below(4) == 0 ? 1 + random.next() % (4 * millisecond) : 0)
      pair.admit(number)
      pair.setWeight(random.pick([1, 64, 200, 256, 257, 1_000, 65_535]), number)
    }
    for step in 0..<300 where !pair.hasFailed {
      if step % 20 == 0 { pair.operations = [] }
      switch random.below(4) {
      case 0: pair.now += random.next() % (20 * microsecond)
      case 1: pair.now += random.next() % (6 * millisecond)
      case 2:
        // Exactly when the timer fires.
        if let end = pair.model.sliceEnd, end > Int(pair.now) { pair.now = UInt64(end) }
      default: break
      }
      let number = random.below(count)
      switch random.below(16) {
      case 0..<5: pair.wake(number)
      case 5: pair.sleep(number, .blocked)
      case 6: pair.sleep(number, .offline)
      case 7: if let current = pair.model.current { pair.sleep(current, .blocked) }
      case 8: pair.yield()
      case 9: pair.withdraw(number)
      case 10: pair.admit(number)
      case 11: if random.below(4) == 0 { pair.setWeight(random.pick([1, 100, 256, 5_000, 65_535]), number) }
      default: pair.decide()
      }
      pair.compare()
      if pair.model.current.map({ !pair.model.entities[$0].wants }) ?? true { pair.decide() }
    }
  }

  @Test("Every sequence of five operations on three entities gives the model's picks", arguments: 0..<12)
  func everyShortSequence(first: Int) {
    var pair = Pair(count: 3, parameters: SchedulingParameters(), zero: UInt64(bitPattern: -1_500_000))
    pair.configure(1, warp: WarpSettings(value: 2 * millisecond, limit: millisecond, recovery: millisecond), budget: 0)
    pair.configure(2, warp: .none, budget: 1 * millisecond)
    for number in 0..<3 { pair.admit(number) }
    pair.wake(0)
    pair.decide()
    apply(first, to: &pair)
    pair.compare()
    continueAll(pair, depth: 4)
  }

  @Test("Q5: wakers of two domains, which share budgets for their bursts, give the model's picks", arguments: 0..<40)
  func wakersOfTwoDomains(seed: UInt64) {
    var random = Randomness(seed: seed + 1_000)
    let count = 3 + random.below(24)
    let parameters = SchedulingParameters(allowance: random.pick([0, 100 * microsecond, 1 * millisecond]))
    var pair = Pair(count: count, parameters: parameters, zero: random.pick([0, UInt64.max - 9_000_000]), domains: 2)
    for number in 0..<count {
      let settings = WarpSettings(
        value: 20 * millisecond, limit: random.pick([0, 300 * microsecond, 2 * millisecond, 9 * millisecond]),
        recovery: random.pick([1, 10]) * millisecond, isForWakers: true)
      pair.configure(number, warp: random.below(5) == 0 ? .none : settings, budget: 0)
      pair.admit(number)
      pair.wake(number)
      pair.setWeight(random.pick([64, 256, 257, 1_000]), number)
    }
    for step in 0..<400 where !pair.hasFailed {
      if step % 20 == 0 { pair.operations = [] }
      switch random.below(4) {
      case 0: pair.now += random.next() % (20 * microsecond)
      case 1: pair.now += random.next() % (3 * millisecond)
      case 2: if let end = pair.model.sliceEnd, end > Int(pair.now) { pair.now = UInt64(end) }
      default: break
      }
      let number = random.below(count)
      switch random.below(12) {
      case 0..<4: pair.wake(number)
      case 4: for other in 0..<count where random.below(2) == 0 { pair.sleep(other, .blocked) }
      case 5: if let current = pair.model.current { pair.sleep(current, .blocked) }
      case 6: pair.sleep(number, random.pick([.blocked, .offline]))
      case 7: pair.withdraw(number)
      case 8: pair.admit(number)
      case 9: pair.yield()
      default: pair.decide()
      }
      pair.compare()
      #expect(pair.store.doPiecesAddUp)
      if pair.model.current.map({ !pair.model.entities[$0].wants }) ?? true { pair.decide() }
    }
    // Of few no budget is ever spent.
    #expect(pair.model.refusals > 0 || count < 15)
  }

  private func continueAll(_ pair: Pair, depth: Int) {
    guard depth > 0, !pair.hasFailed else { return }
    for operation in 0..<12 {
      var next = pair.copy()
      apply(operation, to: &next)
      next.compare()
      continueAll(next, depth: depth - 1)
    }
  }

  private func apply(_ operation: Int, to pair: inout Pair) {
    switch operation {
    case 0..<3: pair.wake(operation)
    case 3: pair.sleep(1, .blocked)
    case 4: pair.sleep(2, .offline)
    case 5: if let current = pair.model.current { pair.sleep(current, .blocked) }
    case 6: pair.yield()
    case 7: pair.decide()
    case 8:
      pair.now += 400 * microsecond
      pair.decide()
    case 9: pair.now += 1 * millisecond
    case 10:
      pair.now += pair.model.sliceEnd.map { UInt64(max(0, $0 - Int(pair.now))) } ?? (7 * millisecond)
      pair.decide()
    default:
      if pair.model.entities[0].place == .away { pair.admit(0) } else { pair.withdraw(0) }
    }
  }
}
