// SPDX-License-Identifier: Apache-2.0
// A domain: one virtual machine, as the hypervisor keeps it.
//
// The record is type-stable: a destroyed domain's record is reused for a new domain, never for anything else. Fields are
// grouped by what protects them.
import Frames
import Instructions
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
  /// The frame in which its small tables begin (DomainRoom.swift).
  let room: MachineFrame
  /// How many vCPUs it can have.
  public let maximumVCPUs: Int

  /// What CPUID tells it. The toolstack may change it under `life` until the first vCPU is initialised (`setPolicy`).
  public internal(set) var processor: CPUIDPolicy

  /// How it reads the time-stamp counter. Changed by the toolstack, while none of its vCPUs is in a CPU.
  public internal(set) var counter: VirtualCounter

  // ---- Touched by its own vCPUs only; a race between them harms nobody else ----

  /// Its UUID, for tools.
  public var handle = InlineArray<2, UInt64>(repeating: 0)
  /// Whether it serves the toolstack's store.
  public var isStoreDomain = false
  /// Whether model-specific registers that nobody knows read as zero and ignore writes (XEN_X86_MSR_RELAXED), instead of #GP.
  public var relaxesModelSpecific = false
  /// The PCI configuration address that it has chosen.
  public var pciAddress: UInt32 = 0

  // ---- vCPU records: set once each, under `life`; a vCPU never goes away before its domain ----

  var vcpus = InlineArray<128, Ref<VCPU>?>(repeating: nil)

  // ---- Atomic ----

  /// Assists that the guest has enabled (VMASST_TYPE_*), as bits.
  public var assists = AtomicWord(0)
  /// Non-zero while the domain is paused, by tools or by the hypervisor: how many pauses are in force.
  public var pauseCount = AtomicWord(0)
  /// The line of time that the first of its vCPUs has been given (`SystemClock.stamp`).
  var clockStamp = AtomicWord(0)
  /// Whether a debugger hears of its kernel's breakpoints.
  public var isDebugged = AtomicWord(0)
  /// What its wall clock is ahead of the machine's, in seconds, as a signed number (XEN_DOMCTL_settimeoffset).
  public var timeOffset = AtomicWord(0)
  /// Frames that have been promised to it and are not allocated yet. Changed only under the lock of `MachineMemory.claims`.
  public var claimedFrames = AtomicWord(0)
  /// Its share of the CPUs.
  public var shares = DomainShares()
  /// Where it is told which physical interrupts need PHYSDEVOP_eoi: one more than the frame's number, and bit 63 if that
  /// call unmasks the event too; zero if nowhere. Set once. The frame holds a writable use.
  public var eoiFrame = AtomicWord(0)

  /// How far its end has come (see Destruction/Destruction.swift).
  public var destruction = Destruction()

  // ---- Each under its own lock ----

  /// Life and death.
  public var life: Lock<DomainLife>
  /// Its page tables: who holds this may validate and change entries.
  public var pageTables: Lock<TableSession>
  /// Its event channels; they have locks of their own inside.
  public var events: EventChannels
  /// Its grant table.
  public var grants: Lock<GrantTable>
  /// Its memory map.
  public var memory = Lock<DomainMemory>(.domainFrames, DomainMemory())
  /// Ports and interrupts that it has been given.
  public var deviceRights = Lock<DeviceRights>(.domainFrames, DeviceRights())

  /// What it is writing to the machine's console.
  var consoleLine = Lock<GuestLine>(.guestLine, GuestLine())

  /// A new domain without vCPUs, with the room that its grant table has been made in.
  public init(
    id: DomainID, isPrivileged: Bool, mayUseHardware: Bool, sharedInfo: MachineFrame, room: MachineFrame,
    maximumVCPUs: Int, processor: CPUIDPolicy, highestPort: UInt32 = EventChannels.fifoPorts &- 1,
    grants: consuming GrantTable
  ) {
    self.id = id
    self.isPrivileged = isPrivileged
    self.mayUseHardware = mayUseHardware
    self.sharedInfo = sharedInfo
    self.processor = processor
    counter = .native(kilohertz: Timekeeping.kilohertz)
    self.maximumVCPUs = min(maximumVCPUs, Domain.vcpuLimit)
    life = Lock(.domain, DomainLife())
    pageTables = Lock(.pageTables, TableSession())
    self.room = room
    events = EventChannels(room: room, maximumPort: highestPort)
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
  /// Why it would shut down, by its own word (SCHEDOP_shutdown_code).
  public var announcedReason: UInt32?
  /// When each of its watchdogs runs out, in system time; `UInt64.max` while it is not set.
  public var watchdogs = InlineArray<2, UInt64>(repeating: UInt64.max)
  /// Whether its destruction has begun.
  public var isDying = false

  /// A life that has just begun.
  public init() {}
}
