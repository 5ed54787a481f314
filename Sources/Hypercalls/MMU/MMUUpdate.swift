// SPDX-License-Identifier: Apache-2.0
// Batches of page-table and machine-to-physical updates.
import Domains
import Frames
import Machine
import XenABI

extension Hypercall {
  /// `mmu_update`: a list of 16-byte requests (struct mmu_update: a machine address whose low bits are the kind, and a value);
  /// the count of those done goes to the third argument's address, if there is one.
  ///
  /// - Throws: `fault`; `invalid` for a bad entry; `notPermitted`, `noSuchDomain` for the domains named; `notImplemented` for
  ///   a kind that does not exist.
  mutating func mmuUpdate() throws(XenError) -> HypercallOutcome {
    if arguments[1] == 1 && arguments[3] == UInt64(DomainID.current.raw) { return try updateOne() }
    let target = try pageTableTarget(arguments[3])
    return try eachTableRequest(size: 16, of: target.tables) { call, request throws(XenError) in
      let words = try GuestMemory.fetchWords2(request)
      try call.one(words.w0, words.w1, target)
    }
  }

  /// The list has one request, about the caller's own tables: there is nothing to go on with after it.
  private mutating func updateOne() throws(XenError) -> HypercallOutcome {
    let doneAddress = address(2)
    do {
      let words = try GuestMemory.fetchWords2(address(0))
      try one(words.w0, words.w1, PageTableTarget(tables: domain, rules: domain.entryRules()))
    } catch {
      // Preempted: the same call again.
      if doneAddress.raw != 0 && error != .restart { try GuestMemory.put(doneAddress, UInt32(0)) }
      throw error
    }
    if doneAddress.raw != 0 { try GuestMemory.put(doneAddress, UInt32(1)) }
    return .success
  }

  @inline(__always)
  private mutating func one(_ pointer: UInt64, _ value: UInt64, _ target: PageTableTarget) throws(XenError) {
    switch pointer & 3 {
    case 0, 2, 3:
      let table = MachineFrame(physical: pointer)
      let index = Int((pointer & 0xfff) &>> 3)
      // A machine address above all memory names nothing.
      guard PhysicalWindow.contains(table), pointer & 4 == 0 else { throw .invalid }
      let change = EntryChange(table, index, to: value, keepsAccessedDirty: pointer & 3 == 2)
      try target.tables.changingTables(by: target.rules) { session throws(XenError) in
        try ledger[].updateEntry(change, &session)
      }
    case 1:
      let frame = MachineFrame(physical: pointer)
      // The entry says what the owner calls the frame, so only the owner (or who builds it) may say.
      let owner = target.rules.frameOwner
      guard ledger[].take(frame, owner: owner) else { throw .invalid }
      Ref<Hypervisor>.shared[].machineToPhysical.store(frame, value)
      ledger[].drop(frame)
    default: throw .notImplemented
    }
  }
}
