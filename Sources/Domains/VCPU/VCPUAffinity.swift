// SPDX-License-Identifier: Apache-2.0
// Where a vCPU is wanted to run, by the toolstack's word and by its own. The scheduler knows only what follows from it.
import Scheduling
import XenABI

/// Where a vCPU may and should run, as it was asked for. Under the lock of `Hypervisor.pools`.
public struct VCPUAffinity: BitwiseCopyable {
  /// The CPUs that it may run on, as set last; those outside its domain's pool mean nothing.
  public internal(set) var hard = CPUMask.all
  /// The CPUs that it should run on if it can, as set last.
  public internal(set) var soft = CPUMask.all
  /// The one CPU to which it is tied for now, regardless of the others (SCHEDOP_pin_override, xen/sched.h).
  public internal(set) var override: Int?

  /// Anywhere.
  public init() {}

  /// The CPUs of `pool` that it may run on; all of them if it wants none of those.
  public func effectiveHard(in pool: CPUMask) -> CPUMask {
    if let override, pool.contains(override) { return CPUMask(cpu: override) }
    let wanted = hard.intersection(pool)
    return wanted.isEmpty ? pool : wanted
  }

  /// The CPUs of `pool` that it may and should run on; may be empty, and then has no effect.
  public func effectiveSoft(in pool: CPUMask) -> CPUMask { soft.intersection(effectiveHard(in: pool)) }
}
