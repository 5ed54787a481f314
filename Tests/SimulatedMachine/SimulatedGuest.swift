// SPDX-License-Identifier: Apache-2.0
// A domain with real, validated page tables, as tests play it: it makes any hypercall with arguments in its own memory, and maps
// what it likes in a table with empty places.
import CXenABI
import Domains
import Frames
import Machine
import XenABI

/// A domain and its address space: pages for arguments, pages of data, and a level-1 table whose places are empty.
open class SimulatedGuest {
  /// Where the pages for arguments begin, and how many there are.
  public static let arguments: UInt64 = 0x1000_0000
  public static let argumentPages = 8
  /// Where the pages of data begin, and how many there are.
  public static let data: UInt64 = arguments + UInt64(argumentPages) << 12
  public static let dataPages = 8
  /// Where the empty places begin.
  public static let slots: UInt64 = arguments + 0x20_0000

  /// How many frames it has from the start.
  public static let frames: UInt64 = UInt64(argumentPages + dataPages + 5)

  public let machine: SimulatedMachine
  public let domain: Ref<Domain>
  public let id: DomainID
  /// Its frames, each with a writable mapping of its own.
  public let argumentFrames: [MachineFrame]
  public let dataFrames: [MachineFrame]
  /// The level-1 tables in which these lie, and in which the empty places do.
  public let lowTable: MachineFrame
  public let slotTable: MachineFrame
  public let root: MachineFrame

  /// A new listed domain. One that is privileged may use hardware.
  public init(
    _ machine: SimulatedMachine, _ number: UInt16, isPrivileged: Bool = false, vcpus: Int = 1,
    frameLimit: UInt64 = 1 << 20, grantLimits: GrantLimits = GrantLimits()
  ) {
    self.machine = machine
    id = DomainID(number)
    let domain = machine.makeDomain(
      number, vcpus: vcpus, isPrivileged: isPrivileged, mayUseHardware: isPrivileged, frameLimit: frameLimit,
      grantLimits: grantLimits)
    self.domain = domain
    func frame() -> MachineFrame { machine.guestFrame(domain) }
    argumentFrames = (0..<SimulatedGuest.argumentPages).map { _ in frame() }
    dataFrames = (0..<SimulatedGuest.dataPages).map { _ in frame() }
    let tables = PageTableChain(level4: frame(), level3: frame(), level2: frame(), level1: frame())
    slotTable = frame()
    root = tables.level4
    lowTable = tables.level1
    tables.link(at: SimulatedGuest.arguments)
    tables.linkLow(slotTable, at: SimulatedGuest.slots)
    for (index, frame) in (argumentFrames + dataFrames).enumerated() {
      PhysicalWindow.store(lowTable, word: index, frame.physical | PageTableChain.rights)
    }
    let root = self.root
    domain.changingTables { session in
      do { try ledger[].use(root, level: 4, &session) } catch {
        preconditionFailure("a guest's tables were refused")
      }
    }
    vcpu[].kernelTable = root
  }

  /// Its first vCPU.
  public var vcpu: Ref<VCPU> { vcpu(0) }
  /// One of its vCPUs.
  public func vcpu(_ index: Int) -> Ref<VCPU> {
    guard let vcpu = domain[].vcpu(index: index) else { preconditionFailure("no such vCPU") }
    return vcpu
  }

  // ---- Its memory, by the offset from `arguments` ----

  private func frame(at offset: Int) -> MachineFrame { argumentFrames[offset >> 12] }
  public func set64(_ offset: Int, _ value: UInt64) {
    PhysicalWindow.store(frame(at: offset), word: (offset & 4095) >> 3, value)
  }
  public func get64(_ offset: Int) -> UInt64 { PhysicalWindow.load(frame(at: offset), word: (offset & 4095) >> 3) }
  public func set32(_ offset: Int, _ value: UInt32) {
    PhysicalWindow.store32(frame(at: offset), word: (offset & 4095) >> 2, value)
  }
  public func get32(_ offset: Int) -> UInt32 { PhysicalWindow.load32(frame(at: offset), word: (offset & 4095) >> 2) }
  public func set16(_ offset: Int, _ value: UInt16) {
    PhysicalWindow.store16(frame(at: offset), word: (offset & 4095) >> 1, value)
  }
  public func clear(_ range: Range<Int>) {
    for offset in stride(from: range.lowerBound, to: range.upperBound, by: 8) { set64(offset, 0) }
  }
  /// The linear address of an offset.
  public func address(_ offset: Int) -> UInt64 { SimulatedGuest.arguments + UInt64(offset) }
  /// Frame numbers that stand in its memory one after the other.
  public func frames(_ offset: Int, count: Int) -> [MachineFrame] {
    (0..<count).map { MachineFrame(get64(offset + $0 * 8)) }
  }

  /// A cleared frame of its own.
  public func frame() -> MachineFrame { machine.guestFrame(domain) }
  /// How many frames it owns.
  public var owned: UInt64 { ledger[].accounts.owned(id) }
  /// How many of them it did not have at the start.
  public var gained: UInt64 { owned - SimulatedGuest.frames }
  /// Whether none of its tables waits to be taken apart.
  public var hasNoDeadTables: Bool { domain[].pageTables.withLock { $0.work.isEmpty } }

  // ---- The empty places ----

  /// The linear address of an empty place.
  public func slot(_ index: Int) -> UInt64 { SimulatedGuest.slots + UInt64(index) << 12 }
  /// The machine address of its entry.
  public func slotEntry(_ index: Int) -> UInt64 { slotTable.physical + UInt64(index) * 8 }
  /// What stands there.
  public func entry(_ index: Int) -> UInt64 { PhysicalWindow.load(slotTable, word: index) }
}

/// Four page tables, one for each level.
public struct PageTableChain {
  public static let rights = PTE.present | PTE.writable | PTE.user
  public let level4: MachineFrame
  public let level3: MachineFrame
  public let level2: MachineFrame
  public let level1: MachineFrame

  public init(level4: MachineFrame, level3: MachineFrame, level2: MachineFrame, level1: MachineFrame) {
    (self.level4, self.level3, self.level2, self.level1) = (level4, level3, level2, level1)
  }

  /// Has each table lead to the next at a linear address, by plain writes: the tables are not validated yet.
  public func link(at linear: UInt64) {
    let address = LinearAddress(linear)
    PhysicalWindow.store(level4, word: address.index(level: 4), level3.physical | PageTableChain.rights)
    PhysicalWindow.store(level3, word: address.index(level: 3), level2.physical | PageTableChain.rights)
    linkLow(level1, at: linear)
  }

  /// Has the level-2 table lead to another level-1 table.
  public func linkLow(_ table: MachineFrame, at linear: UInt64) {
    PhysicalWindow.store(
      level2, word: LinearAddress(linear).index(level: 2), table.physical | PageTableChain.rights)
  }
}

extension SimulatedMachine {
  /// A new listed domain with an address space.
  public func guest(_ number: UInt16, isPrivileged: Bool = false, frameLimit: UInt64 = 1 << 20) -> SimulatedGuest {
    SimulatedGuest(self, number, isPrivileged: isPrivileged, frameLimit: frameLimit)
  }

  /// Publishes a map of the machine's memory.
  public func publishMemory(_ entries: [E820Entry]) {
    var map = E820Map()
    for entry in entries { precondition(map.append(entry)) }
    Ref<MachineMemory>.create(in: ownFrames(Ref<MachineMemory>.framesNeeded), MachineMemory(map: map)).publish()
  }
}
