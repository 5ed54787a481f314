// SPDX-License-Identifier: Apache-2.0
// The one record that everything of which there is one hangs on.
import Frames
import Machine
import XenABI

/// The hypervisor.
public struct Hypervisor: ~Copyable, Anchored {
  /// The hypervisor's own slot.
  public static var anchorSlot: AnchorSlot { .hypervisor }

  /// The machine's clock: what the first CPU goes by, and all others where the counter is stable. Changed under the lock of
  /// `timekeeper`; for reading the time every CPU has its own.
  public internal(set) var clock: SystemClock
  /// Not zero where the counter is the same on all CPUs and keeps its rate (Time/Timekeeping.swift).
  var isCounterStable = AtomicWord(1)
  /// What the clock is compared with.
  var timekeeper = Lock<Timekeeper>(.timekeeping, Timekeeper())
  /// How a CPU's counter is compared when it comes up.
  public var counterHandshake = CounterHandshake()
  /// The hypervisor's own region, which every address space has.
  public let tables: HypervisorPageTables
  /// The frames of the machine-to-physical table: its first, and how many entries it has.
  public let machineToPhysical: MachineToPhysical
  /// All domains.
  public var domains: DomainTable
  /// Held while a domain is given vCPUs.
  public var domainChanges = Lock<Void>(.domainChanges, ())
  /// The domains that take a virtual interrupt which belongs to the machine, by its number; zero, Domain 0, unless the
  /// toolstack has chosen another (XEN_DOMCTL_set_virq_handler).
  public var virqHandlers = InlineArray<24, UInt16>(repeating: 0)
  /// All vCPUs by their scheduling handle.
  public var vcpus: VCPURegistry
  /// CPU pools; under their lock change what domains and vCPUs are entitled to of the CPUs.
  public var pools = Lock<CPUPools>(.shares, CPUPools())
  /// Every CPU's record by number.
  public var cpus = InlineArray<128, Ref<PhysicalCPU>?>(repeating: nil)
  /// The CPUs that have somebody to run; see `PhysicalCPU.isIdle`.
  var busyCPUs = AtomicCPUSet()
  /// The PCI configuration ports: an access is two steps.
  public var configuration = Lock<PCIConfigurationPorts>(.deviceAccess, PCIConfigurationPorts())
  /// The hypervisor's command line.
  public var commandLine = PhysicalBytes(physical: 0, count: 0)
  /// How the machine ends.
  public var policy = EndPolicy()
  /// How large domains' grant tables may be at most; a domain that does not ask for less has this.
  public var grantLimits = GrantLimits()
  /// The time of day at system time zero, in nanoseconds since 1970.
  public var wallClockBase = AtomicWord(0)

  /// Which domain numbers are taken. Its lock is the one under which domains are listed.
  public var numbers = Lock<DomainNumbers>(.domainTable, DomainNumbers())
  /// How many grace periods have begun (Domain/Destruction/GracePeriod.swift).
  var gracePeriods = AtomicWord(0)
  /// Domains whose end waits for others.
  var ended = Lock<EndedDomains>(.domainTable, EndedDomains())
  /// Not zero while a CPU looks after those.
  var reaperAtWork = AtomicWord(0)
  /// Free records.
  var records = Lock<RecordPool>(.domainTable, RecordPool())

  /// How many domains are still to be looked at since the last notice.
  var reaperLeft = AtomicWord(0)
  /// Whether the end of some domain waits; read without a lock.
  var reaperHasWork: Bool { mutating get { endedCount.load() != 0 } }
  /// How many domains' ends wait, the one that a CPU is just looking at included.
  var endedCount = AtomicWord(0)

  /// The record, once boot has made what it holds.
  public init(
    clock: SystemClock, tables: consuming HypervisorPageTables, machineToPhysical: MachineToPhysical,
    domains: consuming DomainTable, vcpus: consuming VCPURegistry
  ) {
    self.vcpus = vcpus
    self.clock = clock
    self.tables = tables
    self.machineToPhysical = machineToPhysical
    self.domains = domains
  }

  /// System time now, in nanoseconds since boot.
  @inlinable public static var now: UInt64 { Ref<PhysicalCPU>.current[].clock.now }

  /// The domain with a number, if it exists.
  public static func domain(_ id: DomainID) -> Ref<Domain>? { Ref<Hypervisor>.shared[].domains.find(id) }
}

/// The ledger of all frames.
public var ledger: Ref<FrameLedger> { Ref<FrameLedger>.shared }
