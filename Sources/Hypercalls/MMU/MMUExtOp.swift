// SPDX-License-Identifier: Apache-2.0
// The extended page-table operations: pins, base pointers, flushes, LDT, clearing and copying.
import Domains
import Frames
import Machine
import XenABI

extension Hypercall {
  /// `mmuext_op`: a list of 24-byte operations (struct mmuext_op: command, two arguments); the count of those done goes to the
  /// third argument's address, if there is one.
  ///
  /// - Throws: what the first operation that fails throws; see each.
  mutating func mmuextOp() throws(XenError) -> HypercallOutcome {
    let target = try pageTableTarget(arguments[3])
    let owner = try tableOwner(target)
    return try eachTableRequest(size: 24, of: owner) { call, request throws(XenError) in
      let words = try GuestMemory.fetchWords3(request)
      try call.extended(UInt32(truncatingIfNeeded: words.w0), words.w1, words.w2, target, owner)
    }
  }

  /// The domain whose frames a call is about, which here are its tables too: FD. For DOMID_XEN and DOMID_IO, whose frames can
  /// be no tables, the caller.
  private func tableOwner(_ target: PageTableTarget) throws(XenError) -> Ref<Domain> {
    target.rules.frameOwner.isOrdinary ? try self.target(target.rules.frameOwner.raw) : domain
  }

  private mutating func extended(
    _ command: UInt32, _ first: UInt64, _ second: UInt64, _ target: PageTableTarget, _ owner: Ref<Domain>
  ) throws(XenError) {
    let frame = MachineFrame(first)
    switch command {
    case MMUExtOperation.pinLevel1...MMUExtOperation.unpin:
      guard target.rules.frameOwner.isOrdinary else { throw .invalid }
    case MMUExtOperation.clearPage, MMUExtOperation.copyPage: break
    default:
      // What is about the caller's own vCPU or CPUs is not done for another domain.
      guard target.rules.frameOwner == domain[].id else { throw .notPermitted }
    }
    switch command {
    case MMUExtOperation.pinLevel1...MMUExtOperation.pinLevel4:
      try owner.changingTables { session throws(XenError) in
        try ledger[].pin(frame, level: Int(command) &+ 1, &session)
      }
    case MMUExtOperation.unpin:
      try owner.changingTables { session throws(XenError) in
        try ledger[].unpin(frame, owner: owner[].id, &session.work)
      }
    case MMUExtOperation.newBasePointer: try newBasePointer(frame)
    case MMUExtOperation.newUserBasePointer: try newUserBasePointer(frame)
    case MMUExtOperation.flushLocal: TLB.flushLocal()
    case MMUExtOperation.invalidateLocal: if !LinearAddress(first).isHypervisor { TLB.invalidate(LinearAddress(first)) }
    case MMUExtOperation.flushMulti, MMUExtOperation.invalidateMulti:
      TLB.flush(try cpus(ofBitmap: LinearAddress(second)))
    case MMUExtOperation.flushAll, MMUExtOperation.invalidateAll: TLB.flush(allCPUs)
    case MMUExtOperation.flushCache, MMUExtOperation.flushCacheGlobal:
      guard domain[].mayUseHardware else { throw .accessDenied }
      Registers.writeBackCaches()
    case MMUExtOperation.setLDT: try setLDT(first, second)
    case MMUExtOperation.clearPage:
      guard ledger[].takeWritable(frame, owner: target.rules.frameOwner) else { throw .invalid }
      PhysicalWindow.clear(frame)
      ledger[].dropWritable(frame)
    case MMUExtOperation.copyPage:
      let source = MachineFrame(second)
      guard ledger[].take(source, owner: target.rules.frameOwner) else { throw .invalid }
      defer { ledger[].drop(source) }
      guard ledger[].takeWritable(frame, owner: target.rules.frameOwner) else { throw .invalid }
      PhysicalWindow.copy(from: source, at: 0, to: frame, at: 0, count: 4096)
      ledger[].dropWritable(frame)
    case MMUExtOperation.markSuper, MMUExtOperation.unmarkSuper: throw .notSupported  // superpages for PV guests are not offered
    default: throw .notImplemented
    }
  }

  /// MMUEXT_NEW_BASEPTR: kernel mode's top-level table.
  private mutating func newBasePointer(_ frame: MachineFrame) throws(XenError) {
    let old = vcpu[].kernelTable
    if old == frame { return TLB.flushLocal() }
    try domain.changingTables { session throws(XenError) in
      try ledger[].use(frame, level: 4, &session)
      showMachineToPhysical(frame, true)
      // The new one first: the CPU must not be left on a table that is being taken apart.
      vcpu[].kernelTable = frame
      TLB.setPageTable(frame)
      if let old { ledger[].stopUsing(old, &session.work) }
    }
  }

  /// MMUEXT_NEW_USER_BASEPTR: user mode's top-level table; zero for none.
  private mutating func newUserBasePointer(_ frame: MachineFrame) throws(XenError) {
    let old = vcpu[].userTable
    let new: MachineFrame? = frame.number == 0 ? nil : frame
    if old == new { return }
    try domain.changingTables { session throws(XenError) in
      if let new {
        try ledger[].use(new, level: 4, &session)
        showMachineToPhysical(new, domain[].assists.load() & VMAssist.strictM2P == 0)
      }
      vcpu[].userTable = new
      if let old { ledger[].stopUsing(old, &session.work) }
    }
  }

  /// Whether applications see the machine-to-physical table is their kernel's choice (VMASST_TYPE_m2p_strict): its slot in a
  /// top-level table in use follows it.
  private func showMachineToPhysical(_ table: MachineFrame, _ isShown: Bool) {
    let slot = HypervisorSpace.firstSlot
    let entry = isShown ? Ref<Hypervisor>.shared[].tables.slotEntry(slot) : 0
    if PhysicalWindow.load(table, word: slot) & PTE.frameMask != entry & PTE.frameMask {
      PhysicalWindow.store(table, word: slot, entry)
    }
  }

  /// MMUEXT_SET_LDT: address and number of descriptors.
  private mutating func setLDT(_ base: UInt64, _ entries: UInt64) throws(XenError) {
    guard entries <= 8192, base & 0xfff == 0 || entries == 0, LinearAddress(base).isCanonical,
      !LinearAddress(base).isHypervisor
    else { throw .invalid }
    vcpu.setLDT(base: base, entries: Int(entries))
  }
}
