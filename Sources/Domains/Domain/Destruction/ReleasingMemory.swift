// SPDX-License-Identifier: Apache-2.0
// The frames of a domain that ends: the stage `memory`.
import Frames
import Machine
import XenABI

extension Ref where T == Domain {
  /// Ends the allocation of some of the domain's frames, and what makes them page tables, until the stretch is over. Gives
  /// whether it has none left that it could give up; those that others use go with their last use.
  func releaseSomeMemory() -> Bool {
    guard drainTables() else { return false }
    let id = self[].id
    var cursor = self[].destruction.cursor
    defer { self[].destruction.cursor = cursor }
    while cursor < ledger[].frameCount {
      if Stretch.isOver { return false }
      // Sixteen frames that are not the domain's are passed over in a unit's time.
      let looks = 256
      var patience = looks
      if let frame = ledger[].nextFrame(of: id, cursor: &cursor, patience: &patience) {
        release(frame, id)
        Stretch.spend(2)
      }
      Stretch.spend(Int32(truncatingIfNeeded: (looks &- patience) &>> 4))
    }
    // What was released last may be a table.
    return drainTables()
  }

  /// Ends pin, half-done validation and allocation of one frame.
  private func release(_ frame: MachineFrame, _ id: DomainID) {
    let type = ledger[].type(frame)
    if type.isPinned || type.isPartial {
      self[].pageTables.withLock { ledger[].relinquish(frame, owner: id, &$0.work) }
    }
    guard ledger[].isAllocated(frame) else { return }
    // Before the allocation ends: afterwards the frame may already be another's.
    Ref<Hypervisor>.shared[].machineToPhysical.store(frame, MachineToPhysical.invalid)
    _ = ledger[].endAllocation(frame, owner: id)
  }

  /// Takes some tables apart. Gives whether none is left for that.
  private func drainTables() -> Bool {
    self[].pageTables.withLock { ledger[].drain(&$0.work) }
  }
}
