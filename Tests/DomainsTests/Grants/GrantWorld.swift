// SPDX-License-Identifier: Apache-2.0
// A simulated machine with PV domains whose page tables are real and validated, so that grant operations run as they do on
// metal: entries are read through the caller's tables, and mappings are entries of them.
import CMachine
import Foundation
import Frames
import Instructions
import Machine
import MachineTurn
import Scheduling
import XenABI

@testable import Domains
@testable import Hypercalls

/// The machine of one test. There is one at a time in a process.
final class GrantWorld {
  static let frames: UInt64 = 8192
  private(set) var guests: [Guest] = []

  /// Runs `body` in a fresh machine, as its CPU 0.
  static func run<R>(_ body: (GrantWorld) throws -> R) rethrows -> R {
    try MachineTurn.take { try body(GrantWorld()) }
  }

  private init() {
    let frames = GrantWorld.frames
    precondition(martlet_simulation_start(frames))
    martlet_simulated_stack_info = martlet_stack_info()
    CPUs.setOnline(0, true)
    var next = MachineFrame(1)
    func take(_ count: UInt64) -> MachineFrame {
      defer { next = next + count }
      return next
    }
    let storage = take(FrameLedger.framesNeeded(for: frames))
    Ref<FrameLedger>.create(in: take(Ref<FrameLedger>.framesNeeded), FrameLedger(storage: storage, frames: frames))
      .publish()
    let translation = MachineToPhysical(first: take((frames * 8 + 4095) >> 12), entries: frames)
    var memory = BootMemory()
    let boot = take(64)
    _ = memory.add(start: boot.number, end: boot.number + 64)
    let domains = DomainTable(directory: take(1), first: take(1))
    let registry = VCPURegistry(directory: take(1), first: take(1))
    Ref<Hypervisor>.create(
      in: take(Ref<Hypervisor>.framesNeeded),
      Hypervisor(
        clock: SystemClock(origin: SystemClock.counter, hertz: 1_000_000_000, timerHertz: 1_000_000_000),
        tables: HypervisorPageTables(memory: &memory)!, machineToPhysical: translation, domains: domains,
        vcpus: registry)
    ).publish()
    ledger[].claim(start: 0, end: next.number)
    ledger[].addMemory(start: next.number, end: frames)
  }

  /// A new listed domain.
  @discardableResult
  func guest(_ id: UInt16, isPrivileged: Bool = false, limits: GrantLimits = GrantLimits()) -> Guest {
    let guest = Guest(id, isPrivileged: isPrivileged, limits: limits)
    guests.append(guest)
    return guest
  }

  /// References and uses of every frame, to be compared: nothing may be left behind.
  func counts() -> [UInt64] {
    (0..<GrantWorld.frames).flatMap { number in
      let frame = MachineFrame(number)
      return [ledger[].count(frame), ledger[].type(frame).count, UInt64(ledger[].owner(frame).raw)]
    }
  }

  /// Whether references and uses are as they were, but for frames that the hypervisor has taken for its tables since: those
  /// have no counts.
  func isUnchanged(since before: [UInt64]) -> Bool {
    let now = counts()
    for frame in stride(from: 0, to: now.count, by: 3) {
      let isFree = now[frame] == 0 && now[frame + 1] == 0 && before[frame] == 0
      if !isFree && now[frame..<frame + 3] != before[frame..<frame + 3] { return false }
    }
    return true
  }

  /// The first broken rule of any table, and whether all pins have a mapping (G4).
  func brokenRule() -> String? {
    var pins = 0
    var mapped = 0
    for guest in guests {
      guest.domain[].grants.withLock { table in
        pins += table.pinCount
        for handle in 0..<table.maptrack.count {
          guard let entry = table.maptrack.mapping(handle) else { continue }
          mapped += (entry.flags.contains(.hostMap) ? 1 : 0) + (entry.flags.contains(.deviceMap) ? 1 : 0)
        }
      }
      if let broken = guest.domain[].grants.withLock({ table in table.brokenRule() }) { return "\(broken)" }
    }
    return pins == mapped ? nil : "G4: \(pins) pins, \(mapped) halves of mappings"
  }
}

/// A domain with one vCPU and an address space: four pages for arguments, then eight pages of data, and a table in whose
/// empty places grants can be mapped.
final class Guest {
  static let arguments: UInt64 = 0x1000_0000
  static let data: UInt64 = arguments + 0x4000
  static let slots: UInt64 = 0x1020_0000
  let domain: Ref<Domain>
  let vcpu: Ref<VCPU>
  let id: UInt16
  /// The frames of the data pages, each with a writable mapping of the guest's own.
  let pages: [MachineFrame]
  /// Frames that are not mapped anywhere.
  let spare: [MachineFrame]
  let argumentFrames: [MachineFrame]
  /// The table in which `slots` lie.
  let slotTable: MachineFrame
  let root: MachineFrame

  init(_ id: UInt16, isPrivileged: Bool, limits: GrantLimits) {
    self.id = id
    let number = DomainID(id)
    ledger[].accounts.setLimit(number, 64)
    func own(_ count: UInt64) -> MachineFrame {
      var order = 0
      while UInt64(1) << UInt64(order) < count { order += 1 }
      return ledger[].allocateOwn(order: order)!
    }
    func frame() -> MachineFrame { ledger[].allocate(for: number)! }
    let shared = ledger[].allocateShared(with: number)!
    let (room, place) = (own(1), own(1))
    let policy = CPUIDPolicy(CPUIDTraits()) { _, _ in CPUIDRegisters() }
    domain = Ref<Domain>.create(
      in: own(Ref<Domain>.framesNeeded),
      Domain(
        id: number, isPrivileged: isPrivileged, mayUseHardware: false, sharedInfo: shared, room: room, maximumVCPUs: 1,
        processor: policy, grants: GrantTable.make(owner: number, limits: limits, room: room)!))
    vcpu = Ref<VCPU>.create(
      in: place,
      VCPU(
        id: VCPUID(0), domain: domain, index: EntityIndex(0), info: VCPUInfoPlace(frame: shared, offset: 0),
        extendedState: ExtendedStateArea(frame: own(1)), room: place, now: 0))
    domain[].add(vcpu)
    Ref<Hypervisor>.shared[].domains.set(number, domain)

    argumentFrames = (0..<4).map { _ in frame() }
    pages = (0..<8).map { _ in frame() }
    spare = (0..<4).map { _ in frame() }
    let (l4, l3, l2, low) = (frame(), frame(), frame(), frame())
    slotTable = frame()
    root = l4
    for table in [l4, l3, l2, low, slotTable] { PhysicalWindow.clear(table) }
    let address = LinearAddress(Guest.arguments)
    let rights = PTE.present | PTE.writable | PTE.user
    PhysicalWindow.store(l4, word: address.index(level: 4), l3.physical | rights)
    PhysicalWindow.store(l3, word: address.index(level: 3), l2.physical | rights)
    PhysicalWindow.store(l2, word: address.index(level: 2), low.physical | rights)
    PhysicalWindow.store(l2, word: LinearAddress(Guest.slots).index(level: 2), slotTable.physical | rights)
    for (index, frame) in (argumentFrames + pages).enumerated() {
      PhysicalWindow.store(low, word: index, frame.physical | rights)
    }
    let rules = EntryRules(
      tableOwner: number, frameOwner: number, mayMapDevices: false, physicalBits: 40,
      hypervisorRoot: Ref<Hypervisor>.shared[].tables.root)
    var budget = EntryBudget()
    domain[].pageTables.withLock { work in
      do { try ledger[].use(l4, level: 4, rules, &work, &budget) } catch { preconditionFailure("guest tables") }
    }
    vcpu[].kernelTable = l4
  }

  /// The address of a place where a grant can be mapped.
  func slot(_ index: Int) -> UInt64 { Guest.slots + UInt64(index) << 12 }
  /// The machine address of that place's page-table entry.
  func slotEntry(_ index: Int) -> UInt64 { slotTable.physical + UInt64(index) * 8 }
  /// What stands there.
  func entry(_ index: Int) -> UInt64 { PhysicalWindow.load(slotTable, word: index) }

  /// Makes a hypercall of raw arguments, to its end. The result is what the guest finds in rax.
  func call(_ command: UInt64, _ address: UInt64, _ count: UInt64, preemptions: inout Int) -> Int64 {
    martlet_simulated.cr3 = root.physical
    var arguments = InlineArray<6, UInt64>(repeating: 0)
    arguments[0] = command
    arguments[1] = address
    arguments[2] = count
    var call = Hypercall(vcpu: vcpu, domain: domain, arguments: arguments)
    while true {
      do throws(XenError) {
        switch try grantTableOp(&call) {
        case .done(let value): return Int64(bitPattern: value)
        case .again: preemptions += 1
        case .interruptReturn: preconditionFailure("an iret has no result")
        }
      } catch { return Int64(bitPattern: error.result) }
    }
  }

  /// As above, whatever the preemptions.
  func call(_ command: UInt64, _ address: UInt64, _ count: UInt64) -> Int64 {
    var preemptions = 0
    return call(command, address, count, preemptions: &preemptions)
  }

  /// Writes entries to the argument pages.
  func put<Entry>(_ entries: [Entry], at offset: Int = 0) {
    for (index, entry) in entries.enumerated() {
      withUnsafeBytes(of: entry) { bytes in
        for (byte, value) in bytes.enumerated() {
          let at = offset + index * MemoryLayout<Entry>.stride + byte
          PhysicalWindow.store8(argumentFrames[at >> 12], byte: at & 4095, value)
        }
      }
    }
  }

  /// Reads entries from there.
  func get<Entry>(_ initial: Entry, count: Int, at offset: Int = 0) -> [Entry] {
    (0..<count).map { index in
      var entry = initial
      withUnsafeMutableBytes(of: &entry) { bytes in
        for byte in bytes.indices {
          let at = offset + index * MemoryLayout<Entry>.stride + byte
          bytes[byte] = PhysicalWindow.load8(argumentFrames[at >> 12], byte: at & 4095)
        }
      }
      return entry
    }
  }

  /// Runs a sub-operation over entries and gives them back as they are afterwards.
  func run<Entry>(_ operation: GrantOperation, _ entries: [Entry]) -> (Int64, [Entry]) {
    put(entries)
    let result = call(UInt64(operation.rawValue), Guest.arguments, UInt64(entries.count))
    return (result, get(entries[0], count: entries.count))
  }
}
