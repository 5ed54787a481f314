// SPDX-License-Identifier: Apache-2.0
// A simulated machine for these tests: memory, an I/O APIC, one PCI function, and domains whose hypercalls read and write
// their own memory.
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
final class PhysicalWorld {
  static let frames: UInt64 = 8192
  /// Frames at the end that are no RAM: a device's table, an I/O APIC's registers, a PCI function's configuration space.
  static let table = MachineFrame(frames - 3)
  static let controller = MachineFrame(frames - 2)
  static let configuration = MachineFrame(frames - 1)

  static func run<R>(_ body: (PhysicalWorld) throws -> R) rethrows -> R {
    try MachineTurn.take { try body(PhysicalWorld()) }
  }

  private init() {
    let frames = PhysicalWorld.frames
    precondition(martlet_simulation_start(frames))
    martlet_simulated_stack_info = martlet_stack_info()
    martlet_simulated = martlet_simulation()
    CPUs.setOnline(0, true)
    CPUs.setAPICID(0, 5)
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
    let area = CPUArea(number: 0, tables: Ref<Hypervisor>.shared[].tables, memory: &memory)!
    let cpu = Ref<PhysicalCPU>.create(
      in: take(Ref<PhysicalCPU>.framesNeeded),
      PhysicalCPU(number: 0, area: area, timers: TimerQueue(directory: take(1), first: take(1))))
    cpu.bindToCurrentCPU()
    Ref<Hypervisor>.shared[].cpus[0] = cpu
    Ref<InterruptRouting>.create(
      in: take(Ref<InterruptRouting>.framesNeeded), InterruptRouting(directory: take(1), first: take(1))
    ).publish()
    ledger[].claim(start: 0, end: next.number)
    ledger[].addMemory(start: next.number, end: PhysicalWorld.table.number)
  }

  /// Publishes the machine's memory map and, with it, claims.
  func publishMemory(_ entries: [E820Entry] = []) {
    var map = E820Map()
    for entry in entries { precondition(map.append(entry)) }
    let frames = Ref<MachineMemory>.framesNeeded
    var order = 0
    while UInt64(1) << UInt64(order) < frames { order += 1 }
    Ref<MachineMemory>.create(in: ledger[].allocateOwn(order: order)!, MachineMemory(map: map)).publish()
  }

  /// Wires 24 lines to one I/O APIC, with line 9 signalling by level, active high.
  func wire() {
    var wiring = InterruptWiring()
    precondition(
      wiring.addController(IOAPIC(slot: 2, physical: PhysicalWorld.controller.physical, firstGSI: 0, identifier: 1)))
    precondition(wiring.addOverride(irq: 0, gsi: 2, isLevel: false, isLow: false))
    precondition(wiring.addOverride(irq: 9, gsi: 9, isLevel: true, isLow: false))
    precondition(InterruptRouting.configure(wiring))
  }

  /// The redirection entry of a line, as the I/O APIC holds it.
  func entry(_ line: Int) -> UInt64 {
    UInt64(PhysicalWindow.load32(PhysicalWorld.controller, word: 0x10 + 2 * line))
      | UInt64(PhysicalWindow.load32(PhysicalWorld.controller, word: 0x11 + 2 * line)) << 32
  }

  /// Function 00:03.0 with MSI (four messages, 64-bit addresses, maskable) at 0x50 and MSI-X (eight entries, at offset 0x800
  /// of the memory of register 1) at 0x70.
  func addFunction() -> PCIFunction {
    let frame = PhysicalWorld.configuration
    func set(_ register: Int, _ value: UInt32) { PhysicalWindow.store32(frame, word: register >> 2, value) }
    set(0x00, 0x1041_1af4)
    set(0x04, 0x0010_0006)
    set(0x14, UInt32(PhysicalWorld.table.physical))
    set(0x34, 0x50)
    set(0x50, 0x0184_7005)
    set(0x70, 0x0007_0011)
    set(0x74, 0x801)
    martlet_simulated.pci_frame = frame.number
    martlet_simulated.pci_function = 0x8000_1800
    return PCIFunction(bus: 0, devfn: 0x18)
  }

  /// A register of the function.
  func register(_ offset: Int) -> UInt32 { PhysicalWindow.load32(PhysicalWorld.configuration, word: offset >> 2) }

  /// A word of an entry of the function's table.
  func tableWord(_ entry: Int, _ word: Int) -> UInt32 {
    PhysicalWindow.load32(PhysicalWorld.table, word: 0x200 + entry * 4 + word)
  }

  func guest(_ id: UInt16, isPrivileged: Bool = false, frameLimit: UInt64 = 1 << 20) -> PhysicalGuest {
    PhysicalGuest(id, isPrivileged: isPrivileged, frameLimit: frameLimit)
  }
}

/// A domain with one vCPU and a few pages for the arguments of hypercalls.
final class PhysicalGuest {
  /// Four pages from here on are its own; what follows is not mapped.
  static let base: UInt64 = 0x1000_0000
  let domain: Ref<Domain>
  let vcpu: Ref<VCPU>
  let id: DomainID
  private let root: MachineFrame
  private let pages: [MachineFrame]

  init(_ number: UInt16, isPrivileged: Bool, frameLimit: UInt64) {
    let id = DomainID(number)
    self.id = id
    ledger[].accounts.setLimit(id, frameLimit)
    func own(_ count: UInt64) -> MachineFrame {
      var order = 0
      while UInt64(1) << UInt64(order) < count { order += 1 }
      return ledger[].allocateOwn(order: order)!
    }
    let shared = ledger[].allocateShared(with: id)!
    let (room, place) = (own(1), own(1))
    domain = Ref<Domain>.create(
      in: own(Ref<Domain>.framesNeeded),
      Domain(
        id: id, isPrivileged: isPrivileged, mayUseHardware: isPrivileged, sharedInfo: shared, room: room,
        maximumVCPUs: 1,
        processor: CPUIDPolicy(CPUIDTraits()) { _, _ in CPUIDRegisters() },
        grants: GrantTable.make(owner: id, room: room)!))
    vcpu = Ref<VCPU>.create(
      in: place,
      VCPU(
        id: VCPUID(0), domain: domain, index: EntityIndex(0), info: VCPUInfoPlace(frame: shared, offset: 0),
        extendedState: ExtendedStateArea(frame: own(1)), room: place, now: 0))
    domain[].add(vcpu)
    Ref<Hypervisor>.shared[].domains.set(id, domain)
    let (l4, l3, l2, l1) = (own(1), own(1), own(1), own(1))
    root = l4
    pages = (0..<4).map { _ in own(1) }
    let address = LinearAddress(PhysicalGuest.base)
    let rights = PTE.present | PTE.writable | PTE.user
    PhysicalWindow.store(l4, word: address.index(level: 4), l3.physical | rights)
    PhysicalWindow.store(l3, word: address.index(level: 3), l2.physical | rights)
    PhysicalWindow.store(l2, word: address.index(level: 2), l1.physical | rights)
    for (index, frame) in pages.enumerated() { PhysicalWindow.store(l1, word: index, frame.physical | rights) }
  }

  private func place(_ offset: Int) -> (MachineFrame, Int) { (pages[offset >> 12], offset & 0xfff) }
  /// Words of its memory, by the offset from `base`.
  func set64(_ offset: Int, _ value: UInt64) {
    PhysicalWindow.store(place(offset).0, word: place(offset).1 >> 3, value)
  }
  func get64(_ offset: Int) -> UInt64 { PhysicalWindow.load(place(offset).0, word: place(offset).1 >> 3) }
  func set32(_ offset: Int, _ value: UInt32) {
    PhysicalWindow.store32(place(offset).0, word: place(offset).1 >> 2, value)
  }
  func get32(_ offset: Int) -> UInt32 { PhysicalWindow.load32(place(offset).0, word: place(offset).1 >> 2) }
  func set16(_ offset: Int, _ value: UInt16) {
    PhysicalWindow.store16(place(offset).0, word: place(offset).1 >> 1, value)
  }
  func address(_ offset: Int) -> UInt64 { PhysicalGuest.base + UInt64(offset) }
  func clear(_ range: Range<Int>) {
    for offset in stride(from: range.lowerBound, to: range.upperBound, by: 8) { set64(offset, 0) }
  }

  /// Frame numbers that stand in its memory one after the other.
  func frames(_ offset: Int, count: Int) -> [MachineFrame] {
    var frames: [MachineFrame] = []
    for index in 0..<count { frames.append(MachineFrame(get64(offset + index * 8))) }
    return frames
  }

  /// Makes a hypercall, to its end. The result is what the guest finds in rax.
  @discardableResult
  func call(
    _ handler: (inout Hypercall) throws(XenError) -> HypercallOutcome, _ first: UInt64, _ second: UInt64 = 0
  ) -> Int64 {
    martlet_simulated.cr3 = root.physical
    var arguments = InlineArray<6, UInt64>(repeating: 0)
    arguments[0] = first
    arguments[1] = second
    var call = Hypercall(vcpu: vcpu, domain: domain, arguments: arguments)
    while true {
      do throws(XenError) {
        switch try handler(&call) {
        case .done(let value): return Int64(bitPattern: value)
        case .again: continue
        case .interruptReturn: preconditionFailure("an iret has no result")
        }
      } catch { return Int64(bitPattern: error.result) }
    }
  }

  /// Frames that it owns.
  var owned: UInt64 { ledger[].accounts.owned(id) }
  /// A frame of its own.
  func frame() -> MachineFrame { ledger[].allocate(for: id)! }
}

// References, as functions of their own: an expectation cannot hold the ledger.
func take(_ frame: MachineFrame, for guest: PhysicalGuest) -> Bool { ledger[].take(frame, owner: guest.id) }
func takeWritable(_ frame: MachineFrame, for guest: PhysicalGuest) -> Bool {
  ledger[].takeWritable(frame, owner: guest.id)
}
func isAllocated(_ frame: MachineFrame) -> Bool { ledger[].isAllocated(frame) }
func isShared(_ frame: MachineFrame) -> Bool { ledger[].isShared(frame) }

extension XenError {
  /// What a caller gets.
  var code: Int64 { Int64(-rawValue) }
}
