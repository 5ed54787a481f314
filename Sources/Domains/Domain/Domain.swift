// SPDX-License-Identifier: Apache-2.0
// A domain: one virtual machine, as the hypervisor keeps it.
//
// The record is type-stable: a destroyed domain's record is reused for a new domain, never for anything else. Fields are
// grouped by what protects them.
import Frames
import Machine
import XenABI

/// One domain.
public struct Domain: ~Copyable {
  /// The most vCPUs a domain can have.
  public static let vcpuLimit = 128

  // ---- Fixed while the domain exists ----

  /// Its number.
  public let id: DomainID
  /// Whether it may control the machine and other domains: Domain 0.
  public let isPrivileged: Bool
  /// Whether it may use devices: I/O ports, device memory, interrupts. Checks it passes, not checks left out.
  public let mayUseHardware: Bool
  /// The page it shares with the hypervisor (`struct shared_info`).
  public let sharedInfo: MachineFrame
  /// How many vCPUs it can have.
  public let maximumVCPUs: Int

  // ---- vCPU records: set once each, under `life`; a vCPU never goes away before its domain ----

  var vcpus = InlineArray<128, Ref<VCPU>?>(repeating: nil)

  // ---- Atomic ----

  /// CPUs that may hold translations of this domain: those its vCPUs ran on since they last flushed.
  public var translatingCPUs = AtomicCPUSet()
  /// Assists that the guest has enabled (VMASST_TYPE_*), as bits.
  public var assists = AtomicWord(0)
  /// Non-zero while the domain is paused, by tools or by the hypervisor: how many pauses are in force.
  public var pauseCount = AtomicWord(0)

  // ---- Each under its own lock ----

  /// Life and death.
  public var life: Lock<DomainLife>
  /// Its page tables: who holds this may validate and change entries.
  public var pageTables: Lock<PageTableWork>
  /// Its event channels; they have locks of their own inside.
  public var events: EventChannels
  /// Its grant table.
  public var grants: Lock<GrantTable>

  /// A new domain without vCPUs.
  public init(
    id: DomainID, isPrivileged: Bool, mayUseHardware: Bool, sharedInfo: MachineFrame, maximumVCPUs: Int,
    events: consuming EventChannels, grants: consuming GrantTable
  ) {
    self.id = id
    self.isPrivileged = isPrivileged
    self.mayUseHardware = mayUseHardware
    self.sharedInfo = sharedInfo
    self.maximumVCPUs = min(maximumVCPUs, Domain.vcpuLimit)
    life = Lock(.domain, DomainLife())
    pageTables = Lock(.pageTables, PageTableWork())
    self.events = events
    self.grants = Lock(.grantTable, grants)
  }

  /// The vCPU with a number, if there is one.
  @inlinable
  public mutating func vcpu(_ id: VCPUID) -> Ref<VCPU>? { vcpu(index: Int(id.raw)) }

  /// The vCPU with an index, if there is one.
  ///
  /// By reference: a plain read of one element makes the compiler copy the whole array.
  public mutating func vcpu(index: Int) -> Ref<VCPU>? {
    func load(_ entry: inout Ref<VCPU>?) -> Ref<VCPU>? { entry }
    return index >= 0 && index < Domain.vcpuLimit ? load(&vcpus[index]) : nil
  }

  /// Adds the record of a vCPU under its number. Under `life`, or before the domain is listed.
  public mutating func add(_ vcpu: Ref<VCPU>) {
    let index = Int(vcpu[].id.raw)
    precondition(index < maximumVCPUs && vcpus[index] == nil)
    vcpus[index] = vcpu
  }
}

/// The state of a domain's life.
public struct DomainLife: ~Copyable {
  /// Why it has shut down, if it has (SHUTDOWN_* in xen/sched.h).
  public var shutdownReason: UInt32?
  /// Whether its destruction has begun.
  public var isDying = false

  public init() {}
}

/// A set of CPUs that many CPUs change at once.
public struct AtomicCPUSet: ~Copyable {
  var low = AtomicWord(0)
  var high = AtomicWord(0)

  public init() {}

  /// Adds a CPU.
  public mutating func insert(_ cpu: Int) {
    if cpu < 64 { low.fetchOr(1 &<< UInt64(cpu)) } else { high.fetchOr(1 &<< UInt64(cpu &- 64)) }
  }
  /// Takes a CPU out.
  public mutating func remove(_ cpu: Int) {
    if cpu < 64 { low.fetchAnd(~(1 &<< UInt64(cpu))) } else { high.fetchAnd(~(1 &<< UInt64(cpu &- 64))) }
  }
  /// The set at this moment.
  public mutating func load() -> CPUSet {
    var set = CPUSet()
    set.low = low.load()
    set.high = high.load()
    return set
  }
}
