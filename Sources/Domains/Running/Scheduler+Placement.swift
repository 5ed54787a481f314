// SPDX-License-Identifier: Apache-2.0
// Which CPU a vCPU goes to: when it is new, when it may not stay, when it comes up or is unpaused, and when it wakes on a CPU
// that is busy while another one idles.
import Machine
import Scheduling
import XenABI

extension Scheduler {
  /// The CPUs that are there.
  public static var onlineCPUs: CPUMask {
    var online = CPUMask()
    for number in 0..<CPUs.started where CPUs.isOnline(number) { online.insert(number) }
    return online
  }

  /// Nanoseconds for which a CPU had nobody to run.
  public static func idleTime(ofCPU number: Int) -> UInt64 {
    let now = Hypervisor.now
    return Ref<Hypervisor>.shared[].cpus[number]?[].queue.withLock { $0.idleTime.total(at: now) } ?? 0
  }

  /// Puts a vCPU that is in no queue on that of the CPU that suits it best.
  static func join(_ vcpu: Ref<VCPU>, near previous: Int? = nil) {
    let hypervisor = Ref<Hypervisor>.shared
    guard let cpu = hypervisor[].cpus[place(vcpu, near: previous)] else { return }
    admit(vcpu, to: cpu)
  }

  /// The CPU that suits a vCPU best: `previous` rather than another, if that is no worse; by default the one it ran on last. A
  /// negative number: it has none.
  private static func place(_ vcpu: Ref<VCPU>, near previous: Int?) -> Int {
    let hypervisor = Ref<Hypervisor>.shared
    let online = onlineCPUs
    return choosePlacement(
      hard: vcpu[].entity.hardAffinity, soft: vcpu[].entity.softAffinity,
      previous: previous ?? Int(vcpu[].cpu.load()), online: online, idle: idle(among: online),
      load: { hypervisor[].cpus[$0]?[].queue.withLock { $0.runnableWeight } ?? UInt64.max }) ?? 0
  }

  /// Before a vCPU that was paused or down becomes runnable on a busy CPU: has it go to the one with the least to do. Its
  /// caches are cold anywhere.
  static func replace(_ vcpu: Ref<VCPU>) {
    let isGone = withQueue(of: vcpu) { queue, _ in
      !vcpu[].entity.isRunnable && take(vcpu, outOf: &queue, now: Hypervisor.now)
    }
    if isGone == true { join(vcpu, near: -1) }
  }

  /// Those of some CPUs that have nobody to run.
  static func idle(among cpus: CPUMask) -> CPUMask {
    let busy = Ref<Hypervisor>.shared[].busyCPUs.load()
    return cpus.subtracting(CPUMask(words: [busy.low, busy.high, 0, 0]))
  }

  /// A vCPU waits on a CPU that is busy: an idle one where it may run, better one where it should, is to come and take it.
  ///
  /// The caller has put it into its queue, or let it go there, under that queue's lock. A CPU that is not idle yet here looks at
  /// the queue only after it has become so, and finds it.
  static func callIdleCPU(for vcpu: Ref<VCPU>, besides number: Int) {
    var allowed = idle(among: vcpu[].entity.hardAffinity.intersection(CPUMask(firstCPUs: CPUs.started)))
    allowed.remove(number)
    // Nearly always: everybody is busy.
    if allowed.isEmpty { return }
    allowed = allowed.intersection(onlineCPUs)
    let chosen = allowed.intersection(vcpu[].entity.softAffinity).first ?? allowed.first
    if let chosen, let cpu = Ref<Hypervisor>.shared[].cpus[chosen] { demandDecision(cpu) }
  }
}
