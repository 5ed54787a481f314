// SPDX-License-Identifier: Apache-2.0
// What a domain is entitled to of the CPUs: its weight, its cap, and the CPU pool it belongs to.
import Machine
import Scheduling

/// A domain's share of the CPUs. Changed under the lock of `Hypervisor.pools`, read by anybody at any time; but for the budgets,
/// which the CPUs that run the domain change as they run it.
public struct DomainShares: ~Copyable {
  /// The weight of each of its vCPUs in bits 15-0, its cap in percent of one CPU in bits 31-16 (0: none)
  /// (xen_domctl_sched_credit2, xen/domctl.h).
  var settings = AtomicWord(UInt64(VirtualRate.defaultWeight))
  /// What is left of its cap in the present window (`SharedBudget`).
  var budget = AtomicWord(SharedBudget().rawValue)
  /// What its vCPUs may run warped on each CPU (rule Q5). Each is touched under the lock of that CPU's run queue alone.
  var warps = InlineArray<128, WarpBudget>(repeating: WarpBudget())
  /// The number of its CPU pool (`cpupool_id`).
  var poolNumber = AtomicWord(0)

  /// The shares of a new domain: the default weight, no cap, the first pool.
  public init() {}

  /// The weight of each of its vCPUs, 1 to 65535.
  public var weight: UInt16 { mutating get { UInt16(truncatingIfNeeded: settings.load()) } }

  /// The number of its CPU pool.
  public var pool: UInt32 { mutating get { UInt32(truncatingIfNeeded: poolNumber.load()) } }

  /// Its cap, in percent of one CPU; 0: none.
  public var cap: UInt16 { mutating get { UInt16(truncatingIfNeeded: settings.load() &>> 16) } }
}
