// SPDX-License-Identifier: Apache-2.0
// A domain with real, validated page tables, as these tests play it: it makes any hypercall with arguments in its own memory,
// and maps what it likes in a table with empty places.
import CXenABI
import Frames
import Machine
import Support
import XenABI

@testable import Domains
@testable import Hypercalls

final class SharingGuest {
  static let arguments: UInt64 = 0x1000_0000
  static let slots: UInt64 = 0x1020_0000
  /// Pages for arguments.
  static let pages = 8
  let world: World
  let domain: Ref<Domain>
  let vcpu: Ref<VCPU>
  let id: DomainID
  let argumentFrames: [MachineFrame]
  let root: MachineFrame
  /// The level-1 table in which `slots` lie.
  let slotTable: MachineFrame

  init(_ world: World, _ number: UInt16, isPrivileged: Bool = false, frameLimit: UInt64 = 1 << 20) {
    self.world = world
    domain = world.makeDomain(
      number, isPrivileged: isPrivileged, mayUseHardware: isPrivileged, frameLimit: frameLimit)
    let domain = self.domain
    vcpu = domain[].vcpu(index: 0)!
    id = DomainID(number)
    func frame() -> MachineFrame { world.guestFrame(domain) }
    argumentFrames = (0..<SharingGuest.pages).map { _ in frame() }
    let (l4, l3, l2, low) = (frame(), frame(), frame(), frame())
    slotTable = frame()
    root = l4
    let address = LinearAddress(SharingGuest.arguments)
    let rights = PTE.present | PTE.writable | PTE.user
    PhysicalWindow.store(l4, word: address.index(level: 4), l3.physical | rights)
    PhysicalWindow.store(l3, word: address.index(level: 3), l2.physical | rights)
    PhysicalWindow.store(l2, word: address.index(level: 2), low.physical | rights)
    PhysicalWindow.store(l2, word: LinearAddress(SharingGuest.slots).index(level: 2), slotTable.physical | rights)
    for (index, frame) in argumentFrames.enumerated() {
      PhysicalWindow.store(low, word: index, frame.physical | rights)
    }
    var budget = EntryBudget()
    domain[].pageTables.withLock { work in
      do { try ledger[].use(l4, level: 4, domain.entryRules(), &work, &budget) } catch {
        preconditionFailure("a guest's tables")
      }
    }
    vcpu[].kernelTable = l4
  }

  // ---- Its memory, by the offset from `arguments` ----

  func set64(_ offset: Int, _ value: UInt64) {
    PhysicalWindow.store(argumentFrames[offset >> 12], word: (offset & 4095) >> 3, value)
  }
  func get64(_ offset: Int) -> UInt64 {
    PhysicalWindow.load(argumentFrames[offset >> 12], word: (offset & 4095) >> 3)
  }
  func set32(_ offset: Int, _ value: UInt32) {
    PhysicalWindow.store32(argumentFrames[offset >> 12], word: (offset & 4095) >> 2, value)
  }
  func get32(_ offset: Int) -> UInt32 {
    PhysicalWindow.load32(argumentFrames[offset >> 12], word: (offset & 4095) >> 2)
  }
  func address(_ offset: Int) -> UInt64 { SharingGuest.arguments + UInt64(offset) }

  /// A cleared frame of its own.
  func frame() -> MachineFrame { world.guestFrame(domain) }
  /// How many frames it owns.
  var owned: UInt64 { ledger[].accounts.owned(id) }
  /// Whether none of its tables waits to be taken apart.
  var hasNoDeadTables: Bool { domain[].pageTables.withLock { $0.isEmpty } }

  // ---- Hypercalls ----

  @discardableResult
  func call(
    _ arguments: [UInt64], _ handler: (inout Hypercall) throws(XenError) -> HypercallOutcome
  ) -> Int64 {
    Simulation.useTables(root: root)
    return world.call(vcpu, arguments, handler)
  }

  /// mmu_update with a list of (pointer, value); the second result is how many it says are done.
  func update(_ requests: [(UInt64, UInt64)], of foreign: UInt32) -> (Int64, UInt32) {
    for (index, request) in requests.enumerated() {
      set64(0x100 + index * 16, request.0)
      set64(0x108 + index * 16, request.1)
    }
    set32(0, 0xffff)
    let result = call([address(0x100), UInt64(requests.count), address(0), UInt64(foreign)]) {
      call throws(XenError) in try call.mmuUpdate()
    }
    return (result, get32(0))
  }

  /// Maps a frame of a domain's in one of the slots, as privcmd does.
  func map(_ slot: Int, _ frame: MachineFrame, of owner: UInt16, writable: Bool = true) -> Int64 {
    let entry = frame.physical | PTE.present | PTE.user | (writable ? PTE.writable : 0)
    return update([(slotTable.physical + UInt64(slot) * 8, entry)], of: UInt32(owner)).0
  }
  /// Unmaps it.
  func unmap(_ slot: Int) -> Int64 { update([(slotTable.physical + UInt64(slot) * 8, 0)], of: 0x7ff0).0 }
  /// What stands in a slot.
  func entry(_ slot: Int) -> UInt64 { PhysicalWindow.load(slotTable, word: slot) }

  /// One mmuext_op.
  func extended(_ command: UInt64, _ first: UInt64, _ second: UInt64 = 0, of foreign: UInt32 = 0x7ff0) -> Int64 {
    set64(0x100, command)
    set64(0x108, first)
    set64(0x110, second)
    return call([address(0x100), 1, 0, UInt64(foreign)]) { call throws(XenError) in try call.mmuextOp() }
  }

  /// One domctl; `body` writes the arguments from the given offset on.
  func domctl(_ command: Int32, _ target: UInt16, version: UInt32 = 0x15, body: (Int) -> Void = { _ in }) -> Int64 {
    for offset in stride(from: 0x800, to: 0x890, by: 8) { set64(offset, 0) }
    set32(0x800, UInt32(command))
    set32(0x804, version)
    set64(0x808, UInt64(target))
    body(0x800 + Int(OFFSET_domctl_body))
    return call([address(0x800)]) { call throws(XenError) in try Hypercalls.domctl(&call) }
  }

  /// A memory_op about extents listed from offset 0x1000 on.
  func memory(
    _ command: Int32, _ target: UInt16, count: UInt64, order: UInt32 = 0, flags: UInt32 = 0, list: Int? = 0x1000
  ) -> Int64 {
    set64(0x900, list.map { address($0) } ?? 0)
    set64(0x908, count)
    set32(0x910, order)
    set32(0x914, flags)
    set64(0x918, UInt64(target))
    return call([UInt64(command), address(0x900)], memoryOp)
  }
}

/// The error as a caller gets it.
func code(_ error: XenError) -> Int64 { Int64(-error.rawValue) }

// The ledger's questions, as functions of their own: an expectation cannot hold the ledger.
func references(_ frame: MachineFrame) -> UInt64 { ledger[].count(frame) }
func typeOf(_ frame: MachineFrame) -> TypeWord { ledger[].type(frame) }
func ownerOf(_ frame: MachineFrame) -> DomainID { ledger[].owner(frame) }
var freeFrames: UInt64 { ledger[].freeFrames }
func translation(_ frame: MachineFrame) -> UInt64 { Ref<Hypervisor>.shared[].machineToPhysical.load(frame) }
func prepare(_ order: Int) -> Bool { ledger[].prepare(order: order) }
