// SPDX-License-Identifier: Apache-2.0
//
// The scheduler once more, as plainly as it can be said: lists searched from end to end, virtual time that never wraps,
// budgets in plain numbers. The run queue must make the same picks.

@testable import Scheduling

/// A queue with all its entities.
struct NaiveModel {
  enum Place { case away, asleep, queued, current, parked }

  struct Entity {
    var place = Place.away
    var state = Runstate.offline
    /// Actual virtual time; a lead while away.
    var actual = 0
    var remainder = 0
    var weight = 256
    var woken = false
    var order = 0
    var wakeLoan = 0
    var warp = WarpSettings.none
    var warps = false
    var warpUsed = 0
    var warpLastRun = 0
    /// What it has drawn of its domain's budget for its burst.
    var piece = 0
    var domain = 0
    var budget = 0
    /// What is left of the budget in window number `window`.
    var left = 0
    var window = -1
    /// What it has taken of it in window number `drawnWindow`, and how much of that it has run.
    var drawn = 0
    var drawnWindow = 0
    var used = 0
    var parkedWindow = 0
    var parkedOrder = 0
    var times = [0, 0, 0, 0]
    var since = 0
    var charged = 0

    var effective: Int { actual - (warps ? Int(warp.value) : 0) - wakeLoan }
    var wants: Bool { state == .running || state == .runnable }

    mutating func enter(_ next: Runstate, _ now: Int) {
      times[Int(state.rawValue)] += now - since
      since = now
      state = next
    }

    mutating func openWindows(to number: Int) {
      while window < number {
        left = min(budget, left < 0 ? left + budget : budget)
        window += 1
      }
    }

    mutating func settle(_ number: Int) {
      openWindows(to: number)
      if used > drawn { left -= used - drawn } else if window == drawnWindow { left += drawn - used }
      drawn = 0
      used = 0
    }

    /// Takes all that is left; whether that is anything.
    mutating func draw(_ number: Int) -> Bool {
      settle(number)
      drawnWindow = number
      drawn = max(0, left)
      left -= drawn
      return drawn > 0
    }

    mutating func isSpent(_ number: Int) -> Bool {
      openWindows(to: number)
      return left <= 0
    }
  }

  /// A domain's budget for bursts: what is drawn, in whole units, and when all that was run has come back.
  struct Bursts {
    var drawn = 0
    var wholeAgain = 0
  }

  var entities: [Entity]
  var bursts: [Int: Bursts] = [:]
  /// How many bursts have found their domain's budget spent.
  var refusals = 0
  var virtualTime = 0
  var current: Int?
  var isYielding = false
  var sliceEnd: Int?
  var orders = 0
  let allowance: Int
  let maximumSlice: Int
  let window: Int

  init(count: Int, parameters: SchedulingParameters) {
    entities = Array(repeating: Entity(), count: count)
    allowance = Int(parameters.allowance)
    maximumSlice = Int(parameters.maximumSlice)
    window = Int(parameters.capWindow)
  }

  var queued: [Int] { entities.indices.filter { entities[$0].place == .queued } }
  var shortest: Int { max(allowance, 100_000) }

  func virtualAllowance(_ index: Int) -> Int { allowance * 256 / entities[index].weight }

  var best: Int? {
    queued.min { left, right in
      let (first, second) = (entities[left], entities[right])
      if first.effective != second.effective { return first.effective < second.effective }
      if first.woken != second.woken { return first.woken }
      return first.order < second.order
    }
  }

  mutating func tick(_ now: Int) {
    var runnable = queued
    if let current, entities[current].state == .running {
      runnable.append(current)
      charge(current, now)
      if !entities[current].warps { giveBack(current, now) }
    }
    if let least = runnable.map({ entities[$0].actual }).min() { virtualTime = max(virtualTime, least) }
  }

  mutating func charge(_ index: Int, _ now: Int) {
    let elapsed = now - entities[index].charged
    guard elapsed > 0 else { return }
    let weight = entities[index].weight
    let scaled = elapsed * 256 + entities[index].remainder
    entities[index].actual += scaled / weight
    entities[index].remainder = scaled % weight
    if entities[index].warps {
      entities[index].warpUsed += elapsed
      entities[index].warpLastRun = now
      let limit = Int(entities[index].warp.limit)
      if limit != 0, entities[index].warpUsed >= limit { entities[index].warps = false }
    }
    if entities[index].budget != 0 {
      entities[index].used += elapsed
    }
    entities[index].charged = now
  }

  mutating func enqueue(_ index: Int, woken: Bool, _ now: Int) {
    var entity = entities[index]
    entity.place = .queued
    entity.woken = woken
    entity.order = orders
    orders += 1
    if entity.warp.value == 0 {
      entity.warps = false
    } else if entity.warp.isForWakers, woken, !wantsAnybody(besides: index) {
      entity.warps = false
    } else if !entity.warp.isForWakers || woken {
      if now - entity.warpLastRun >= Int(entity.warp.recovery) { entity.warpUsed = 0 }
      entity.warps = entity.warp.limit == 0 || entity.warpUsed < Int(entity.warp.limit)
    }
    var isRefused = false
    if entity.warps, entity.warp.isForWakers, entity.piece == 0 {
      let piece = Int(entity.warp.limit) - entity.warpUsed
      var budget = bursts[entity.domain, default: Bursts()]
      isRefused = max(0, budget.wholeAgain - now) / 4 + budget.drawn + wholeUnits(piece) > 10_240_000
      if isRefused {
        entity.warps = false
        refusals += 1
      } else {
        budget.drawn += wholeUnits(piece)
        entity.piece = piece
      }
      bursts[entity.domain] = budget
    }
    let lead = entity.actual - virtualTime
    entity.wakeLoan = woken && !isRefused && !entity.warps && lead < virtualAllowance(index) ? lead : 0
    entities[index] = entity
  }

  func wholeUnits(_ time: Int) -> Int { (time + 4095) / 4096 * 4096 }

  func wantsAnybody(besides index: Int) -> Bool {
    queued.contains { $0 != index } || (current.map { $0 != index && entities[$0].wants } ?? false)
  }

  /// Settles for the burst of an entity that is over, or that leaves.
  mutating func giveBack(_ index: Int, _ now: Int) {
    let entity = entities[index]
    guard entity.piece != 0, var budget = bursts[entity.domain] else { return }
    budget.drawn -= wholeUnits(entity.piece)
    let ran = entity.warpUsed - (Int(entity.warp.limit) - entity.piece)
    if ran > 0 { budget.wholeAgain = wholeUnits(max(budget.wholeAgain, now) + 4 * ran) }
    bursts[entity.domain] = budget
    entities[index].piece = 0
  }

  mutating func ready(_ index: Int, woken: Bool, _ now: Int) -> WakeOutcome {
    if entities[index].budget != 0, entities[index].isSpent(now / window) {
      park(index, now)
      return rearm(parkedDue!)
    }
    enqueue(index, woken: woken, now)
    guard let current, entities[current].wants else { return .reschedule }
    guard best == index else { return .none }
    let lead = entities[current].effective - entities[index].effective
    let missing = virtualAllowance(current) - lead
    if missing <= 0 { return .reschedule }
    return rearm(now + min(maximumSlice, (missing * entities[current].weight + 255) / 256))
  }

  mutating func rearm(_ time: Int) -> WakeOutcome {
    if let sliceEnd, sliceEnd <= time { return .none }
    sliceEnd = time
    return .rearm(at: UInt64(time))
  }

  mutating func park(_ index: Int, _ now: Int) {
    entities[index].wakeLoan = 0
    entities[index].place = .parked
    giveBack(index, now)
    entities[index].parkedWindow = now / window
    entities[index].parkedOrder = orders
    orders += 1
  }

  var parked: [Int] {
    entities.indices.filter { entities[$0].place == .parked }
      .sorted { entities[$0].parkedOrder < entities[$1].parkedOrder }
  }

  var parkedDue: Int? { parked.first.map { (entities[$0].parkedWindow + 1) * window } }

  mutating func admit(_ index: Int, _ now: Int) -> WakeOutcome {
    guard entities[index].place == .away else { return .none }
    tick(now)
    entities[index].actual += virtualTime
    entities[index].place = .asleep
    return entities[index].wants ? ready(index, woken: false, now) : .none
  }

  mutating func withdraw(_ index: Int, _ now: Int) -> Bool {
    guard entities[index].place != .away, index != current else { return false }
    tick(now)
    entities[index].wakeLoan = 0
    giveBack(index, now)
    entities[index].actual = max(0, entities[index].actual - virtualTime)
    entities[index].place = .away
    return true
  }

  mutating func wake(_ index: Int, _ now: Int) -> WakeOutcome {
    if entities[index].place == .current, !entities[index].wants {
      tick(now)
      entities[index].actual = max(entities[index].actual, virtualTime)
      entities[index].enter(.running, now)
      entities[index].charged = now
      return .reschedule
    }
    guard entities[index].place == .asleep else { return .none }
    tick(now)
    entities[index].actual = max(entities[index].actual, virtualTime)
    let woken = entities[index].state == .blocked
    entities[index].enter(.runnable, now)
    return ready(index, woken: woken, now)
  }

  mutating func sleep(_ index: Int, _ reason: SleepReason, _ now: Int) -> Bool {
    guard entities[index].place != .away else { return false }
    tick(now)
    if !entities[index].wants { entities[index].actual = max(entities[index].actual, virtualTime) }
    entities[index].enter(reason == .blocked ? .blocked : .offline, now)
    if index == current { return true }
    entities[index].wakeLoan = 0
    entities[index].place = .asleep
    giveBack(index, now)
    return false
  }

  mutating func setWeight(_ weight: Int, _ index: Int, _ now: Int) {
    tick(now)
    entities[index].weight = weight
    entities[index].remainder = min(entities[index].remainder, weight - 1)
  }

  /// Returns the next entity and how long it runs, `nil` without a bound.
  mutating func decide(_ now: Int) -> (next: Int?, runFor: Int?) {
    tick(now)
    for index in parked.prefix(32) where (entities[index].parkedWindow + 1) * window <= now {
      if entities[index].isSpent(now / window) {
        park(index, now)
      } else {
        entities[index].actual = max(entities[index].actual, virtualTime)
        enqueue(index, woken: false, now)
      }
    }
    var forced: Int?
    var isNew = true
    if let old = current {
      if !entities[old].wants {
        entities[old].place = .asleep
        giveBack(old, now)
        entities[old].settle(now / window)
        current = nil
      } else if entities[old].budget != 0,
        entities[old].used >= entities[old].drawn || entities[old].drawnWindow != now / window,
        !entities[old].draw(now / window)
      {
        entities[old].enter(.runnable, now)
        park(old, now)
        current = nil
      } else if let other = best,
        isYielding || entities[old].effective - entities[other].effective >= virtualAllowance(old)
      {
        if isYielding { forced = other }
        entities[old].settle(now / window)
        entities[old].enter(.runnable, now)
        enqueue(old, woken: false, now)
        current = nil
      } else {
        isNew = false
      }
    }
    isYielding = false
    if isNew {
      current = forced ?? best
      while let chosen = current, entities[chosen].budget != 0, !entities[chosen].draw(now / window) {
        park(chosen, now)
        current = best
      }
      if let current {
        entities[current].place = .current
        entities[current].wakeLoan = 0
        entities[current].enter(.running, now)
        entities[current].charged = now
      }
    }
    sliceEnd = parkedDue
    if let current {
      let entity = entities[current]
      if let due = sliceEnd, due <= now { sliceEnd = now + shortest }
      var bounds: [Int] = []
      if let next = best {
        let other = entities[next]
        let quantum = other.woken ? shortest : max(maximumSlice / (queued.count + 1), shortest)
        let gap = (other.effective - entity.effective) * entity.weight
        // Upwards when the other is behind, so that the slice ends a whole quantum past it.
        let real = Int((Double(gap) / 256).rounded(.up))
        bounds.append(max(min(real, maximumSlice) + quantum, isNew ? shortest : 1))
        bounds.append(maximumSlice)
      }
      if entity.budget != 0 {
        bounds.append(entity.drawn - entity.used)
        bounds.append((entity.drawnWindow + 1) * window - now)
      }
      if entity.warps, entity.warp.limit != 0 { bounds.append(Int(entity.warp.limit) - entity.warpUsed) }
      if let slice = bounds.min() { sliceEnd = min(sliceEnd ?? .max, now + slice) }
    }
    return (current, sliceEnd.map { max(0, $0 - now) })
  }
}
