// SPDX-License-Identifier: Apache-2.0
// What vCPUs hold and where they are queued: the stages `vcpus` and `tables` of a domain's end.
import Frames
import Machine
import XenABI

extension Ref where T == Domain {
  /// Takes one vCPU out of all queues. Gives whether there are no more.
  func withdrawVCPU() -> Bool {
    let index = Int(truncatingIfNeeded: self[].destruction.cursor)
    guard index < self[].maximumVCPUs else {
      self[].life.withLock { life in
        for index in 0..<2 { life.watchdogs[index] = UInt64.max }
      }
      return true
    }
    if let vcpu = self[].vcpu(index: index) {
      vcpu.cancelTimers()
      // Not while a CPU still has it as the one that it switches away from.
      guard Scheduler.withdraw(vcpu) else { return false }
    }
    self[].destruction.cursor &+= 1
    return false
  }

  /// Drops what one vCPU holds, and after the last what the domain holds besides. Gives whether that is all.
  func dropVCPUTables() -> Bool {
    let index = Int(truncatingIfNeeded: self[].destruction.cursor)
    guard index < self[].maximumVCPUs else {
      Events.endQueues(self)
      InterruptRouting.takeAll(from: self)
      MachineMemory.giveUpClaim(self)
      return true
    }
    if let vcpu = self[].vcpu(index: index) { vcpu.dropTables(self) }
    self[].destruction.cursor &+= 1
    return false
  }
}

extension Ref where T == VCPU {
  /// Takes the vCPU's timers back, from any CPU.
  func cancelTimers() {
    self[].timers.withLock { timers in
      let cpu = timers.cpu
      timers = VCPUTimers()
      timers.cpu = cpu
      guard let cpu = Ref<Hypervisor>.shared[].cpus[cpu] else { return }
      cpu[].timers.withLock { $0.set(self, deadline: UInt64.max) }
    }
  }

  /// Gives up the frames that the vCPU's state names. No CPU has its state loaded (D2).
  func dropTables(_ domain: Ref<Domain>) {
    let (kernel, user) = (self[].kernelTable, self[].userTable)
    self[].kernelTable = nil
    self[].userTable = nil
    domain[].pageTables.withLock { session in
      if let kernel { ledger[].stopUsing(kernel, &session.work) }
      if let user { ledger[].stopUsing(user, &session.work) }
    }
    setGDT(InlineArray(repeating: .invalid), count: 0, entries: 0)
    self[].ldtEntries = 0
    self[].timeArea = nil
    self[].runstateArea = nil
    guard self[].hasOwnInfo else { return }
    let frame = self[].info.frame
    // The shared page stays until nobody can find the domain any more: whoever tells the vCPU something still may.
    let slot = Int(self[].id.raw) % SharedInfoLayout.legacyVCPUs
    self[].info = VCPUInfoPlace(frame: domain[].sharedInfo, offset: slot &* SharedInfoLayout.vcpuInfoSize)
    self[].hasOwnInfo = false
    ledger[].dropWritable(frame)
  }
}
