// SPDX-License-Identifier: Apache-2.0
// One domain under the fuzzer: where its frames and page tables are, and how it starts.
//
// Its address space: eight pages for arguments, a page for its stack, a page of code, then data, all in one table; a second
// table whose places are empty, for mappings made at random. Its other frames are candidates for anything.
import Domains
import Frames
import Machine
import SimulatedMachine
import XenABI

/// A domain and what the fuzzer knows of it.
final class Guest {
  static let base: UInt64 = 0x1000_0000
  static let argumentPages = 8
  static let stackPage = 8
  static let codePage = 9
  static let dataPages = 16
  static let slots: UInt64 = base + 0x20_0000
  static let vcpuCount = 3

  let id: UInt16
  let domain: Ref<Domain>
  /// Its destruction has begun: its records may be another's by now.
  var isDead = false
  let vcpus: [Ref<VCPU>]
  /// Frames by what they were made for; what they are used as changes.
  let tables: [[MachineFrame]]
  var data: [MachineFrame]
  /// The first frame of its grant table.
  let grantFrame: MachineFrame
  let low: MachineFrame
  let slotTable: MachineFrame
  var all: [MachineFrame]

  init(_ id: UInt16, isPrivileged: Bool, machine: FuzzMachine) {
    self.id = id
    let domain = FuzzMachine.makeDomain(id, vcpus: Guest.vcpuCount, isPrivileged: isPrivileged)
    self.domain = domain
    let shared = (0..<FuzzMachine.frames).map { MachineFrame($0) }.filter {
      ledger[].isShared($0) && ledger[].owner($0) == DomainID(id)
    }
    grantFrame = shared.first { $0 != domain[].sharedInfo } ?? domain[].sharedInfo
    func frames(_ count: Int) -> [MachineFrame] {
      (0..<count).map { _ in
        guard let frame = ledger[].allocate(for: DomainID(id)) else { preconditionFailure("no memory for a guest") }
        return frame
      }
    }
    // Index 0 is not used; then candidates for each level, the first of which are in use from the start.
    tables = [[], frames(20), frames(6), frames(5), frames(5)]
    data = frames(Guest.argumentPages + 2 + Guest.dataPages + 8)
    let (l4, l3, l2) = (tables[4][0], tables[3][0], tables[2][0])
    low = tables[1][0]
    slotTable = tables[1][1]
    all = data + tables.joined()
    let chain = PageTableChain(level4: l4, level3: l3, level2: l2, level1: low)
    chain.link(at: Guest.base)
    chain.linkLow(slotTable, at: Guest.slots)
    for page in 0..<Guest.argumentPages + 2 + Guest.dataPages {
      PhysicalWindow.store(low, word: page, data[page].physical | PageTableChain.rights)
    }
    // The other top-level tables share everything below the top, so that the guest can live with each of them.
    for other in tables[4].dropFirst() {
      PhysicalWindow.store(
        other, word: LinearAddress(Guest.base).index(level: 4), l3.physical | PageTableChain.rights)
    }
    vcpus = (0..<Guest.vcpuCount).map { index in
      guard let vcpu = domain[].vcpu(index: index) else { preconditionFailure("no vCPU") }
      return vcpu
    }
    // The last one is left for VCPUOP_initialise.
    for vcpu in vcpus.dropLast() { start(vcpu) }
  }

  private func start(_ vcpu: Ref<VCPU>) {
    let (kernel, user) = (tables[4][0], tables[4][1])
    domain.changingTables { session in
      do throws(XenError) {
        try ledger[].use(kernel, level: 4, &session)
        try ledger[].use(user, level: 4, &session)
      } catch { preconditionFailure("the guest's first tables were refused") }
    }
    vcpu[].kernelTable = kernel
    vcpu[].userTable = user
    vcpu[].registers.cs = UInt64(GuestSelectors.code64)
    vcpu[].registers.ss = UInt64(GuestSelectors.data)
    vcpu[].registers.rip = Guest.code
    vcpu[].registers.rsp = Guest.stack
    vcpu[].kernelStackPointer = Guest.stack
    vcpu[].kernelStackSegment = UInt64(GuestSelectors.data)
    vcpu[].isInitialised = true
    vcpu[].info.isMasked = true
    vcpu[].holds.fetchOr(FuzzMachine.unchosen)
    vcpu[].holds.fetchAnd(~VCPUHold.down)
    Scheduler.settle(vcpu)
  }

  /// Notes frames that the domain has been given.
  func adopt(_ frame: MachineFrame) {
    guard ledger[].owner(frame) == DomainID(id), !all.contains(frame) else { return }
    // What the address space needs stays where it is in the list.
    let place = Guest.argumentPages + 2 + Guest.dataPages + Int(frame.number % 8)
    data[place] = frame
    all.append(frame)
  }

  static func argument(_ page: Int) -> UInt64 { base + UInt64(page) << 12 }
  static var stack: UInt64 { base + UInt64(stackPage + 1) << 12 }
  static var code: UInt64 { base + UInt64(codePage) << 12 }
  static func dataPage(_ index: Int) -> UInt64 { base + UInt64(argumentPages + 2 + index) << 12 }
}
