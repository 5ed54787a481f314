// SPDX-License-Identifier: Apache-2.0
// The last of a domain: its records and what they name. Nobody can find them any more (R1), and nobody holds anything of the
// domain's (D3).
import Frames
import Machine
import Scheduling
import XenABI

extension Ref where T == Domain {
  /// Gives back some of what the domain's record names, and at last the record and the number. Gives whether that was all; the
  /// record is free then.
  func freeSomeRecords() -> Bool {
    let step = self[].destruction.cursor
    Stretch.spend(64)
    self[].destruction.cursor &+= 1
    if step == 0 {
      Events.destroy(self)
      return false
    }
    guard self[].grants.withLock({ $0.freeStorage(atMost: 32) }) else { return false }
    // Eight vCPUs at a time; the steps that the grant table took are steps that found none.
    var left = 8
    for index in 0..<self[].maximumVCPUs {
      guard let vcpu = self[].vcpu(index: index) else { continue }
      guard left > 0 else { return false }
      left &-= 1
      self[].forgetVCPU(index: index)
      vcpu.freeRecord()
    }
    let id = self[].id
    MachineInterrupts.forget(self)
    self[].memory.withLock { $0.freeMap() }
    ledger[].freeOwn(self[].room)
    ledger[].endSharing(self[].sharedInfo)
    ledger[].accounts.reset(id)
    RecordPool.free(self)
    DomainNumbers.free(id)
    return true
  }
}

extension Ref where T == Domain {
  /// Gives back all of a domain that could not be made: nobody has found it yet, and it owns nothing.
  func discard() {
    Events.beginDestruction(self)
    _ = self[].grants.withLock { $0.endSharing(atMost: Int.max) }
    for index in 0..<self[].maximumVCPUs {
      guard let vcpu = self[].vcpu(index: index) else { continue }
      // It has never run, so it is nobody's current one.
      let isOut = Scheduler.withdraw(vcpu)
      precondition(isOut, "a vCPU of a domain in the making runs")
    }
    while !freeSomeRecords() {}
  }
}

extension Domain {
  /// Takes a vCPU's record out of the domain, which nobody can find any more.
  mutating func forgetVCPU(index: Int) { vcpus[index] = nil }
}

extension Ref where T == VCPU {
  /// Gives back what goes with the vCPU's record, and the record.
  func freeRecord() {
    assert(!self[].entity.isAdmitted && self[].timerPlace < 0, "R1: a vCPU that is queued is freed")
    if self[].extendedState.frame != self[].room { ledger[].freeOwn(self[].extendedState.frame) }
    if let frame = rareTrapFrame { ledger[].freeOwn(frame) }
    self[].rareTraps.store(0)
    if let frame = self[].hiddenInfo { ledger[].freeOwn(frame) }
    self[].hiddenInfo = nil
    RecordPool.free(self)
  }
}
