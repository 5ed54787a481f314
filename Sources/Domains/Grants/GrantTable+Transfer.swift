// SPDX-License-Identifier: Apache-2.0
// The receiving side of GNTTABOP_transfer: a frame that comes to the table's owner by an entry of the kind
// GTF_accept_transfer.
import Frames
import Machine
import XenABI

extension GrantTable {
  /// Makes `frame`, whose transfer from `giver` has begun (`FrameLedger.beginTransfer`), the owner's, and enters it in the slot that the entry names.
  ///
  /// The frame changes hands before the entry is marked as committed, because a committed guest waits for the end without a
  /// limit: nothing may go wrong from there on. If the guest has withdrawn the entry meanwhile, the frame is freed.
  ///
  /// - Throws: `badDomain` if the owner is being destroyed; `badReference` if the entry does not accept a frame from `giver`;
  ///   `addressTooBig` if the frame's number does not fit the entry; `generalError` if the owner may not have more memory.
  ///   Unless `isGiven` says that the frame has been the owner's, it is still `giver`'s, and its transfer has to be abandoned.
  public mutating func receive(
    _ frame: MachineFrame, from giver: DomainID, by reference: GrantReference, isGiven: inout Bool
  ) throws(GrantStatus) {
    if isDying { throw .badDomain }
    guard contains(reference) else { throw .badReference }
    let index = Int(reference.raw)
    let place = version == 1 ? sharedFrame(index &>> 9) : sharedFrame(index &>> 8)
    let slot = version == 1 ? index & 511 : index & 255
    let word = version == 1 ? slot &* 2 : slot &* 4
    // The flags with room for those that do not matter here.
    func accepts(_ header: UInt32) -> Bool {
      header &>> 16 == UInt32(giver.raw)
        && header & (GrantEntryFlag.typeMask | GrantEntryFlag.transferCommitted | GrantEntryFlag.transferCompleted)
          == GrantEntryFlag.acceptTransfer
    }
    var seen = PhysicalWindow.load32(place, word: word)
    guard accepts(seen) else { throw .badReference }
    guard version == 2 || frame.number <= 0xffff_ffff else { throw .addressTooBig }
    guard ledger[].completeTransfer(frame, from: giver, to: owner) else { throw .generalError }
    isGiven = true

    var patience = GrantTable.patience
    while true {
      let found = PhysicalWindow.compareExchange32(
        place, word: word, expected: seen, desired: seen | GrantEntryFlag.transferCommitted)
      if found == seen { break }
      seen = found
      patience &-= 1
      if patience == 0 || !accepts(seen) {
        _ = ledger[].endAllocation(frame, owner: owner)
        Ref<Hypervisor>.shared[].machineToPhysical.store(frame, MachineToPhysical.invalid)
        throw .badReference
      }
    }
    let numbers = Ref<Hypervisor>.shared[].machineToPhysical
    if version == 1 {
      numbers.store(frame, UInt64(PhysicalWindow.load32(place, word: word &+ 1)))
      PhysicalWindow.store32(place, word: word &+ 1, UInt32(truncatingIfNeeded: frame.number))
    } else {
      numbers.store(frame, PhysicalWindow.load(place, word: slot &* 2 &+ 1))
      PhysicalWindow.store(place, word: slot &* 2 &+ 1, frame.number)
    }
    PhysicalWindow.fetchOr32(place, word: word, GrantEntryFlag.transferCompleted)
  }
}
