// SPDX-License-Identifier: Apache-2.0
// The end of a domain, from the order to destroy it to its number being free again.
//
// Destruction goes through stages, in this order. Each is done in stretches (`Stretch`), and can be gone on with by any CPU,
// one at a time (`worker`): a toolstack that stops calling leaves a domain that is dying, and whoever calls next goes on.
//
//   quieting   The domain is marked, so that nothing new comes to it; its vCPUs are held. Waits until a grace period is over, so
//              that all who had not seen the mark are done (R1), and until no CPU uses its page tables. From here on:
//              D1  Nothing is added to a dying domain: no frame, port, mapping, grant, interrupt, claim or vCPU; nobody takes a
//                  new reference to one of its frames.
//              D2  Nobody executes its code, writes its page tables or has its address spaces loaded.
//   channels   Its event channels are closed, one by one; the other ends wait for somebody again. Interrupts are among them.
//   vcpus      Its vCPUs leave the queues of timers and of the scheduler: from here on no queue knows them.
//   mappings   What it has mapped of others' grants is given up.
//   tables     Base pointers, descriptor tables, `vcpu_info`, event queues, interrupts, its claim on memory.
//   memory     The allocation of all its frames ends, pins end, tables are taken apart.
//   sharing    The frames of its grant table are no longer shared by us.
//   ended      All that was its own to give up is gone. Domain 0 is told. What others hold of its frames keeps it a *zombie*: it
//              is listed, and its number, account and grant table stay as they are (G6).
//   retired    Nobody holds anything any more (D3), it is off the list, Domain 0 is told again. Waits for a grace period, then
//              records and number are free.
//              D3  The last of a domain's records go when no frame has its number as owner but the shared page, which
//                  nobody else holds, and no grant of its is pinned.
//
// D1 rests on three things: `Hypercall.target` finds no dying domain, but for operations that are for the end; accounts, event
// channels and grant table are closed; and those that looked before are over when quieting is.
import Frames
import Machine
import XenABI

/// How far the end of a domain has come; see the head of the file.
enum DestructionStage: UInt64 {
  case none = 0
  case quieting, channels, vcpus, mappings, tables, memory, sharing, ended, retired

  /// The one that follows.
  var next: DestructionStage { DestructionStage(rawValue: rawValue &+ 1) ?? .retired }
}

/// What is kept of a domain's end, in its record.
public struct Destruction: ~Copyable {
  /// The stage.
  var stageNumber = AtomicWord(0)
  /// Not zero while a CPU is at work on it.
  var worker = AtomicWord(0)

  // ---- For the worker ----

  /// How far the stage has come: the next port, vCPU or frame.
  var cursor: UInt64 = 0
  /// The grace period that is waited for.
  var period: UInt64 = 0

  // ---- Under the reaper's lock, or that of the pool of free records ----

  /// The next of the domains that have ended, or of the free records.
  var next: Ref<Domain>?

  /// A domain that lives.
  init() {}

  var stage: DestructionStage {
    mutating get { DestructionStage(rawValue: stageNumber.load()) ?? .none }
  }
}

extension Domain {
  /// Whether its destruction has begun: nothing may be given to it any more (D1).
  public var isDying: Bool { mutating get { destruction.stageNumber.load() != 0 } }
}

extension Ref where T == Domain {
  /// Begins or goes on with the domain's destruction, for a stretch (XEN_DOMCTL_destroydomain).
  ///
  /// The caller holds no lock, and lets other work in between two calls.
  ///
  /// - Returns: Whether everything is done that does not depend on others.
  public func destroy() -> Bool {
    // A second one just waits.
    guard self[].destruction.worker.compareExchange(expected: 0, desired: 1) == 0 else { return false }
    defer { self[].destruction.worker.store(0) }
    while true {
      let stage = self[].destruction.stage
      switch stage {
      case .none: mark()
      case .ended, .retired: return true
      case .quieting:
        guard isQuiet else { return false }
        pass(stage)
      default:
        if work(stage) {
          pass(stage)
          // The reaper has it now. Had the caller to come again, it might find no such domain any more.
          if stage.next == .ended { return true }
        }
        if Stretch.isOver { return false }
      }
    }
  }

  /// Goes on to the next stage.
  private func pass(_ stage: DestructionStage) {
    self[].destruction.cursor = 0
    self[].destruction.stageNumber.store(stage.next.rawValue)
    if stage.next == .ended { Reaper.receive(self) }
  }

  /// One piece of a stage, of some 64 units. Gives whether the stage is done.
  private func work(_ stage: DestructionStage) -> Bool {
    // Memory is counted frame by frame.
    if stage != .memory { Stretch.spend(64) }
    return switch stage {
    case .channels: closeSomeChannels()
    case .vcpus: withdrawVCPU()
    case .mappings: GrantTable.releaseMappings(of: self, atMost: 32)
    case .tables: dropVCPUTables()
    case .memory: releaseSomeMemory()
    case .sharing: self[].grants.withLock { $0.endSharing(atMost: 32) }
    case .none, .quieting, .ended, .retired: true
    }
  }

  /// Marks the domain and holds its vCPUs.
  private func mark() {
    let id = self[].id
    self[].life.withLock { $0.isDying = true }
    self[].destruction.stageNumber.store(DestructionStage.quieting.rawValue)
    ledger[].accounts.close(id)
    Events.beginDestruction(self)
    self[].grants.withLock { $0.beginDestruction() }
    holdAll(VCPUHold.dying)
    self[].destruction.period = GracePeriod.begin()
    // A CPU that idles keeps the address space of who ran last: it has to look again.
    askCPUsToLeave()
  }

  private func askCPUsToLeave() {
    var cpus = ledger[].accounts.translating(self[].id)
    while let number = cpus.first {
      cpus.remove(number)
      if let cpu = Ref<Hypervisor>.shared[].cpus[number] { Scheduler.demandDecision(cpu) }
    }
  }

  /// D1 and D2: whether all who did not know are done, and no CPU uses the domain's page tables. Its GDT and LDT frames leave a
  /// CPU's descriptor area before its tables do.
  private var isQuiet: Bool {
    guard GracePeriod.isOver(self[].destruction.period) else { return false }
    // vCPUs that were being added when the mark was set.
    holdAll(VCPUHold.dying)
    return ledger[].accounts.translating(self[].id).isEmpty
  }

  private func closeSomeChannels() -> Bool {
    var port = UInt32(truncatingIfNeeded: self[].destruction.cursor)
    defer { self[].destruction.cursor = UInt64(port) }
    return Events.closeAll(self, next: &port, count: 32)
  }
}
