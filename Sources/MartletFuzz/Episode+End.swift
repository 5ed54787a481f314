// SPDX-License-Identifier: Apache-2.0
// The end of an episode: every domain gives up all it has, and nothing may be left.
import Domains
import Frames
import Machine
import XenABI

extension Episode {
  /// Takes the domains' memory from them. Afterwards all is free that was free before they had any, if nothing is held that
  /// only code which does not exist yet could give back.
  func end() throws {
    try recount()
    for guest in living { for vcpu in guest.vcpus { machine.hold(vcpu) } }
    _ = machine.run(machine.watchman)
    if running != nil { throw Finding(step: step, what: "a domain that may not run does") }
    try finishDestructions()
    for guest in living { release(guest) }
    // Domains map each other's frames: entries go first, then the frames.
    for guest in living { dismantle(guest) }
    for guest in living {
      for number in 0..<FuzzMachine.frames {
        _ = ledger[].endAllocation(MachineFrame(number), owner: DomainID(guest.id))
      }
    }
    if let broken = machine.brokenRule(nothingDies: true, isExact: false) {
      throw Finding(step: step, what: "after the end: \(broken.rule), frame \(broken.frame.number)")
    }
    if isWide { return }
    for number in 0..<FuzzMachine.frames {
      let frame = MachineFrame(number)
      for guest in guests where ledger[].owner(frame) == DomainID(guest.id) && !ledger[].isShared(frame) {
        throw Finding(step: step, what: "frame \(number) was not freed: \(ledger[].count(frame)) references are left")
      }
    }
  }

  /// What the vCPUs hold.
  private func release(_ guest: Guest) {
    guest.domain[].pageTables.withLock { session in
      for vcpu in guest.vcpus {
        if let table = vcpu[].kernelTable { ledger[].stopUsing(table, &session.work) }
        if let table = vcpu[].userTable { ledger[].stopUsing(table, &session.work) }
        vcpu[].kernelTable = nil
        vcpu[].userTable = nil
      }
    }
    for vcpu in guest.vcpus {
      vcpu.setGDT(InlineArray(repeating: .invalid), count: 0, entries: 0)
      if vcpu[].hasOwnInfo {
        ledger[].dropWritable(vcpu[].info.frame)
        vcpu[].info = VCPUInfoPlace(frame: guest.domain[].sharedInfo, offset: 0)
        vcpu[].hasOwnInfo = false
      }
    }
  }

  private func dismantle(_ guest: Guest) {
    guest.domain[].pageTables.withLock { session in
      for number in 0..<FuzzMachine.frames {
        ledger[].relinquish(MachineFrame(number), owner: DomainID(guest.id), &session.work)
        _ = ledger[].drain(&session.work)
      }
    }
  }
}
