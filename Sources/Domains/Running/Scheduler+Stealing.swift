// SPDX-License-Identifier: Apache-2.0
// CPUs that take work from each other: an idle one at once, busy ones from time to time, so that over some seconds everybody has
// the share that is due wherever it runs.
import Machine
import Scheduling
import XenABI

extension Scheduler {
  /// How often a busy CPU compares its load with the others', in nanoseconds.
  static var balancePeriod: UInt64 { 100_000_000 }

  /// A CPU with nobody to run takes a waiting vCPU from the queue of another. Gives whether there was one.
  static func steal(_ cpu: Ref<PhysicalCPU>, now: UInt64) -> Bool {
    for number in 0..<CPUs.started where number != cpu[].number {
      guard let other = Ref<Hypervisor>.shared[].cpus[number] else { continue }
      if take(from: other, for: cpu, purpose: .idle, now: now) { return true }
    }
    return false
  }

  /// A busy CPU whose time has come evens out its load with that of the busiest: it takes a vCPU if it has less to do, or
  /// exchanges two. A decision must follow.
  static func balance(_ cpu: Ref<PhysicalCPU>, now: UInt64) {
    // All CPUs at their own times, or two would choose the same victim.
    let phase = balancePeriod / 128 &* UInt64(cpu[].number)
    cpu[].nextBalance = CPUs.started > 1 ? (now / balancePeriod &+ 1) &* balancePeriod &+ phase : UInt64.max
    cpu[].sliceEnd = min(cpu[].sliceEnd, cpu[].nextBalance)
    guard !cpu[].isIdle else { return }
    let mine = cpu[].queue.withLock { $0.runnableWeight }
    var victim: Ref<PhysicalCPU>?
    var most = mine
    for number in 0..<CPUs.started where number != cpu[].number {
      guard let other = Ref<Hypervisor>.shared[].cpus[number] else { continue }
      let weight = other[].queue.withLock { $0.runnableCount > 1 ? $0.runnableWeight : 0 }
      if weight > most {
        most = weight
        victim = other
      }
    }
    guard let victim else { return }
    // As many as one stretch allows, while each brings the loads closer together or lets another have the lighter CPU.
    var moves = 0
    while moves < 8,
      take(from: victim, for: cpu, purpose: .balance(weight: cpu[].queue.withLock { $0.runnableWeight }), now: now)
    {
      moves &+= 1
    }
    if moves > 0 { return }
    // No single move helps. One of ours goes there as one of theirs comes here.
    let offer = cpu[].queue.withLock { queue -> (index: EntityIndex, weight: UInt16)? in
      var store = VCPUStore()
      guard let index = queue.exchangeOffer(to: victim[].number, in: &store) else { return nil }
      return (index, store[index].weight)
    }
    guard let offer, take(from: victim, for: cpu, purpose: .exchange(weight: mine, offered: offer.weight), now: now)
    else { return }
    _ = move(from: cpu, to: victim, now: now) { queue in
      // It may have gone to sleep or elsewhere meanwhile; then the next balancing finds the loads as they are.
      let store = VCPUStore()
      return Int(store[offer.index].cpu) == queue.cpu && store[offer.index].isRunnable ? offer.index : nil
    }
  }

  private static func take(
    from victim: Ref<PhysicalCPU>, for thief: Ref<PhysicalCPU>, purpose: StealPurpose, now: UInt64
  ) -> Bool {
    move(from: victim, to: thief, now: now) { queue in
      var store = VCPUStore()
      return queue.stealCandidate(for: thief[].number, purpose: purpose, in: &store)
    }
  }

  /// Moves the vCPU that `choose` names from one CPU's queue to another's. Gives whether there was one.
  private static func move(
    from source: Ref<PhysicalCPU>, to destination: Ref<PhysicalCPU>, now: UInt64,
    _ choose: (inout RunQueue) -> EntityIndex?
  ) -> Bool {
    let moved: Ref<VCPU>? = source[].queue.withLock { queue in
      guard let index = choose(&queue) else { return nil }
      let vcpu = VCPUStore().vcpu(index)
      return take(vcpu, outOf: &queue, now: now) ? vcpu : nil
    }
    guard let moved else { return false }
    admit(moved, to: destination)
    return true
  }
}
