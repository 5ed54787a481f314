// SPDX-License-Identifier: Apache-2.0
//
// Where a waking or displaced entity should run.

/// Chooses the CPU on whose queue an entity should be admitted or woken; `nil` when its hard affinity leaves no online CPU.
///
/// In this order: the `previous` CPU if idle and preferred (its caches may still hold the entity's data), another idle
/// preferred CPU, the previous one if idle, any idle CPU, and then, among busy ones, the previous CPU if preferred, the
/// preferred one with the least load, the previous one, the one with the least load. Preferred means in `soft`; nothing
/// outside `hard` and `online` is ever chosen. `load` gives the summed weight of a CPU's runnable entities; the answer
/// is a hint, taken without locks, that the caller checks under the lock of the chosen queue.
public func choosePlacement(
  hard: CPUMask, soft: CPUMask, previous: Int, online: CPUMask, idle: CPUMask, load: (Int) -> UInt64
) -> Int? {
  let allowed = hard.intersection(online)
  let preferred = allowed.intersection(soft)
  let idlePreferred = preferred.intersection(idle)
  if idlePreferred.contains(previous) { return previous }
  if let cpu = idlePreferred.next(from: previous) { return cpu }
  let idleAllowed = allowed.intersection(idle)
  if idleAllowed.contains(previous) { return previous }
  if let cpu = idleAllowed.next(from: previous) { return cpu }
  if preferred.contains(previous) { return previous }
  if let cpu = leastLoaded(of: preferred, load: load) { return cpu }
  if allowed.contains(previous) { return previous }
  return leastLoaded(of: allowed, load: load)
}

/// The member of `cpus` with the least load, the lowest number among equals; `nil` when there is no member.
private func leastLoaded(of cpus: CPUMask, load: (Int) -> UInt64) -> Int? {
  var chosen: Int?
  var least = UInt64.max
  var cpu = cpus.first
  while let candidate = cpu {
    let candidateLoad = load(candidate)
    if chosen == nil || candidateLoad < least {
      chosen = candidate
      least = candidateLoad
    }
    cpu = cpus.first(notBefore: candidate &+ 1)
  }
  return chosen
}
