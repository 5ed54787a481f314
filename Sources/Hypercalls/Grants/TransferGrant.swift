// SPDX-License-Identifier: Apache-2.0
// Giving frames away: GNTTABOP_transfer.
import Domains
import Frames
import Machine
import XenABI

/// GNTTABOP_transfer: gives frames of the caller's to domains that have said, by an entry of their tables, that they take one.
///
/// As the header states, the frame is lost to the caller whatever the status, except with `badPage`.
///
/// Status per entry: `badPage` (not the caller's, or in use otherwise), `badDomain`, `badReference`, `addressTooBig`,
/// `generalError` (the receiver may not have more memory).
///
/// - Throws: as `GrantBatch.run`.
func transferFrames(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  let giver = call.domain
  return try GrantBatch.run(&call, initial: TransferEntry.zero) { entry in
    let frame = MachineFrame(UInt64(entry.mfn))
    let own = giver[].id
    guard PhysicalWindow.contains(frame), ledger[].owner(frame) == own, ledger[].isAllocated(frame),
      ledger[].beginTransfer(frame, from: own)
    else { return .badPage }
    var isGiven = false
    do throws(GrantStatus) {
      guard let taker = Hypervisor.domain(DomainID(entry.domid)) else { throw .badDomain }
      let reference = GrantReference(entry.ref)
      try taker[].grants.withLock { table throws(GrantStatus) in
        try table.receive(frame, from: own, by: reference, isGiven: &isGiven)
      }
      return .okay
    } catch {
      if isGiven { return error }
      ledger[].abandonTransfer(frame)
      if ledger[].endAllocation(frame, owner: own) {
        Ref<Hypervisor>.shared[].machineToPhysical.store(frame, MachineToPhysical.invalid)
      }
      return error
    }
  }
}
