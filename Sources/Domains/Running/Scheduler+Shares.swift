// SPDX-License-Identifier: Apache-2.0
// What the toolstack says about who gets how much and where, made known to the run queues.
import Machine
import Scheduling
import XenABI

extension Scheduler {
  /// Runs `body` with the run queue that holds a vCPU, under its lock. A vCPU on its way between two queues is waited for. Nil
  /// if no queue takes it: its domain is at its end.
  static func withQueue<R>(of vcpu: Ref<VCPU>, _ body: (inout RunQueue, Ref<PhysicalCPU>) -> R) -> R? {
    for _ in 0..<10_000 {
      // It has left its queue for good, or will.
      guard vcpu[].holds.load() & VCPUHold.dying == 0 else { return nil }
      if let result = withHome(of: vcpu, body) { return result }
      Waiting.step()
    }
    return nil
  }

  /// Takes a new vCPU in, with what its domain is entitled to.
  public static func admit(_ vcpu: Ref<VCPU>) {
    Ref<Hypervisor>.shared[].pools.withLock { pools in
      let domain = vcpu[].domain
      let pool = pools.cpus(of: domain[].shares.pool)
      let budget = capBudget(domain)
      vcpu[].entity.setWeight(domain[].shares.weight)
      vcpu[].entity.setWarp(.usual)
      vcpu[].entity.setCap(budget: budget, sharers: UInt32(truncatingIfNeeded: domain[].maximumVCPUs))
      vcpu[].entity.setAffinity(
        hard: vcpu[].affinity.effectiveHard(in: pool), soft: vcpu[].affinity.effectiveSoft(in: pool))
      vcpu[].isScheduled = true
      join(vcpu)
    }
  }

  /// Sets a domain's weight and cap, on all of its vCPUs.
  public static func setShares(_ domain: Ref<Domain>, weight: UInt16, cap: UInt16) {
    Ref<Hypervisor>.shared[].pools.withLock { _ in
      domain[].shares.settings.store(UInt64(max(1, weight)) | UInt64(cap) &<< 16)
      domain[].shares.budget.store(SharedBudget().rawValue)
      let budget = capBudget(domain)
      let sharers = UInt32(truncatingIfNeeded: domain[].maximumVCPUs)
      for index in 0..<domain[].maximumVCPUs {
        guard let vcpu = domain[].vcpu(index: index) else { continue }
        let busy: Ref<PhysicalCPU>?? = withQueue(of: vcpu) { queue, cpu in
          var store = VCPUStore()
          let now = Hypervisor.now
          let first = queue.setWeight(weight, of: vcpu[].index, in: &store, now: now)
          let second = queue.setCap(budget: budget, sharers: sharers, of: vcpu[].index, in: &store, now: now)
          return first || second ? cpu : nil
        }
        if let cpu = busy, let cpu { demandDecision(cpu) }
      }
    }
  }

  private static func capBudget(_ domain: Ref<Domain>) -> UInt64 {
    CapState.budget(
      percent: domain[].shares.cap, sharers: UInt32(truncatingIfNeeded: domain[].maximumVCPUs),
      window: SchedulingParameters().capWindow)
  }

  /// Has a CPU switch between vCPUs no more often than `microseconds` allow.
  static func setRateLimit(_ microseconds: UInt32, ofCPU number: Int) {
    guard let cpu = Ref<Hypervisor>.shared[].cpus[number] else { return }
    let usual = SchedulingParameters()
    cpu[].queue.withLock {
      $0.setSlices(allowance: UInt64(microseconds) &* 1000, maximumSlice: usual.maximumSlice)
    }
    demandDecision(cpu)
  }

  /// Sets where a vCPU is wanted to run; nil leaves a mask as it is. Gives what has an effect of the two.
  ///
  /// - Throws: `invalid` if no CPU of its pool would be left; `busy` while the vCPU has tied itself to one CPU, unless `force`,
  ///   which ends that.
  public static func setAffinity(
    _ vcpu: Ref<VCPU>, hard: CPUMask?, soft: CPUMask?, force: Bool
  ) throws(XenError) -> (hard: CPUMask, soft: CPUMask) {
    try Ref<Hypervisor>.shared[].pools.withLock { pools throws(XenError) in
      var wanted = vcpu[].affinity
      if let hard {
        guard wanted.override == nil || force else { throw .busy }
        wanted.hard = hard
      }
      if force { wanted.override = nil }
      if let soft { wanted.soft = soft }
      let pool = pools.cpus(of: vcpu[].domain[].shares.pool)
      let online = pool.intersection(onlineCPUs)
      if hard != nil, wanted.hard.intersection(online).isEmpty { throw .invalid }
      vcpu[].affinity = wanted
      confine(vcpu, to: pool)
      return (wanted.effectiveHard(in: online), wanted.effectiveSoft(in: online))
    }
  }

  /// Has each vCPU of a domain run only on the CPU of its own number (`dom0_vcpus_pin`). More of them than CPUs go round.
  public static func pinByNumber(_ domain: Ref<Domain>) {
    for index in 0..<domain[].maximumVCPUs {
      guard let vcpu = domain[].vcpu(index: index) else { continue }
      _ = try? setAffinity(vcpu, hard: CPUMask(cpu: index % CPUs.started), soft: nil, force: false)
    }
  }

  /// Where a vCPU is wanted to run, as it was set.
  public static func affinity(_ vcpu: Ref<VCPU>) -> VCPUAffinity {
    Ref<Hypervisor>.shared[].pools.withLock { _ in vcpu[].affinity }
  }

  /// Ties a vCPU to one CPU of its pool, or (nil) ends that (SCHEDOP_pin_override).
  ///
  /// - Throws: `invalid` if the CPU is not of its pool.
  public static func override(_ vcpu: Ref<VCPU>, with cpu: Int?) throws(XenError) {
    try Ref<Hypervisor>.shared[].pools.withLock { pools throws(XenError) in
      let pool = pools.cpus(of: vcpu[].domain[].shares.pool)
      if let cpu, !pool.intersection(onlineCPUs).contains(cpu) { throw .invalid }
      vcpu[].affinity.override = cpu
      confine(vcpu, to: pool)
    }
  }

  /// Has the run queue know where a vCPU may run, in a pool with `cpus`, and has it go elsewhere if it may not stay. Under the
  /// lock of `Hypervisor.pools`.
  static func confine(_ vcpu: Ref<VCPU>, to cpus: CPUMask) {
    // What is left must be there; the first pool has CPUs that are not.
    let online = cpus.intersection(onlineCPUs)
    let isWhole = vcpu[].affinity.hard.intersection(online).isEmpty
    let hard = isWhole ? vcpu[].affinity.effectiveHard(in: online) : vcpu[].affinity.effectiveHard(in: cpus)
    let soft = vcpu[].affinity.soft.intersection(hard)
    enum Consequence { case none, gone, displaced, waits }
    let result: (what: Consequence, cpu: Ref<PhysicalCPU>)? = withQueue(of: vcpu) { queue, cpu in
      var store = VCPUStore()
      guard queue.setAffinity(hard: hard, soft: soft, of: vcpu[].index, in: &store) else {
        return (vcpu[].entity.isQueued && queue.runnableCount > 1 ? .waits : .none, cpu)
      }
      // Who runs, or whose registers are still in the hardware, is sent on by the next decision that it comes up in.
      return (take(vcpu, outOf: &queue, now: Hypervisor.now) ? .gone : .displaced, cpu)
    }
    guard let result else { return }
    switch result.what {
    case .none: break
    case .gone: join(vcpu)
    case .displaced: demandDecision(result.cpu)
    // An idle CPU may run it now that could not before.
    case .waits: callIdleCPU(for: vcpu, besides: result.cpu[].number)
    }
  }
}
