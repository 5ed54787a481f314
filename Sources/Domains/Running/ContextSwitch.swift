// SPDX-License-Identifier: Apache-2.0
// Taking a vCPU's state out of the hardware, and putting another's in. In which order that is done, and when the first one may run
// elsewhere, is for Scheduler+Switching.swift.
import Frames
import Machine
import Scheduling
import XenABI

extension Ref where T == VCPU {
  /// Saves this vCPU's state from the CPU that runs this. The hardware keeps its page tables and descriptors until others are
  /// loaded: until then the vCPU is not let go (rule H2).
  func save(_ cpu: Ref<PhysicalCPU>, _ frame: Ref<TrapFrame>) {
    self[].registers = frame[]
    self[].ds = Registers.ds
    self[].es = Registers.es
    self[].fs = Registers.fs
    self[].gs = Registers.gs
    self[].fsBase = Registers.fsBase
    if self[].isKernelMode {
      self[].gsBaseKernel = Registers.gsBase
      self[].gsBaseUser = Registers.inactiveGSBase
    } else {
      self[].gsBaseUser = Registers.gsBase
      self[].gsBaseKernel = Registers.inactiveGSBase
    }
    // With TS set, saving would be a use of the FPU that faults.
    if self[].taskSwitched { Registers.clearTaskSwitched() }
    cpu[].setXCR0(CPUFeatures.current.xcr0)
    self[].extendedState.save()
    if self[].debug[7] & DebugControl.enables != 0 { Registers.setDebug(7, 0) }
    noteTimeReached(cpu)
  }

  /// Has the CPU that runs this use this vCPU's page tables and descriptors, in place of those that it has used.
  func showTables(_ cpu: Ref<PhysicalCPU>) {
    // The flush below takes what translations there are to the descriptors of the one before.
    showDescriptors(cpu)
    TLB.setPageTable(self[].kernelTable ?? Ref<Hypervisor>.shared[].tables.root)
    cpu[].vcpu = self
  }

  /// Puts the rest of this vCPU's state into the CPU that runs this.
  func load(_ cpu: Ref<PhysicalCPU>, _ frame: Ref<TrapFrame>) {
    let domain = self[].domain
    // Others may have left work on the domain's tables while none of its vCPUs ran here (rule T1).
    PhysicalCPU.noteTeardown(domain[].pageTables.withLock { $0.work.isEmpty })
    cpu[].area.loadLDT(entries: self[].ldtEntries)
    loadCR4()
    loadTimeStampAuxiliary(cpu)
    loadSegments()
    // All components, whatever the guest has enabled: SSE works without, and what it enables later must be its own.
    cpu[].setXCR0(CPUFeatures.current.xcr0)
    Registers.clearTaskSwitched()
    self[].extendedState.restore()
    cpu[].setXCR0(self[].xcr0)
    if self[].taskSwitched { Registers.setTaskSwitched() }
    if self[].debug[7] & DebugControl.enables != 0 { loadDebugRegisters() }
    publishTimeIfNeeded(cpu)
    updateRunstateArea()
    if !self[].isKernelMode, let table = self[].userTable { Registers.setPageTable(table) }
    frame[] = self[].registers
    // SYSRET would need RCX and R11 to be free, which is not known any more.
    frame[].leavesBySysret = false
  }

  /// Has the CPU's descriptor area show this vCPU's GDT frames, and none of its LDT: those come at first use.
  func showDescriptors(_ cpu: Ref<PhysicalCPU>) {
    let wanted = (self[].gdtEntries &+ 511) / 512
    for page in 0..<14 {
      if page < wanted && self[].gdtFrames[page] != .invalid {
        cpu[].area.setGDT(page: page, self[].gdtFrames[page])
        cpu[].gdtPages |= 1 &<< UInt16(page)
      } else if cpu[].gdtPages &>> UInt16(page) & 1 != 0 {
        cpu[].area.setGDT(page: page, nil)
        cpu[].gdtPages &= ~(1 &<< UInt16(page))
      }
    }
    hideLDT(cpu)
  }

  /// Takes all LDT pages out of the CPU's area and drops what they held.
  func hideLDT(_ cpu: Ref<PhysicalCPU>) { cpu.hideLDT() }

  /// Loads segment registers and bases. A selector that the tables no longer allow becomes null, and the guest's failsafe
  /// callback hears of it.
  private func loadSegments() {
    var good = Registers.loadDS(self[].ds)
    good = Registers.loadES(self[].es) && good
    // Loading FS and GS clobbers bases, so those come after.
    good = Registers.loadFS(self[].fs) && good
    if Registers.gs != self[].gs { good = Registers.loadGS(self[].gs) && good }
    Registers.fsBase = self[].fsBase
    if self[].isKernelMode {
      Registers.gsBase = self[].gsBaseKernel
      Registers.inactiveGSBase = self[].gsBaseUser
    } else {
      Registers.gsBase = self[].gsBaseUser
      Registers.inactiveGSBase = self[].gsBaseKernel
    }
    if !good { Ref<PhysicalCPU>.current[].needsFailsafe = true }
  }

  /// Writes the runstate area that the guest has registered. In kernel mode's address space.
  public func updateRunstateArea() {
    guard let area = self[].runstateArea else { return }
    var record = runstateRecord(now: Hypervisor.now)
    guard self[].domain[].assists.load() & VMAssist.runstateUpdateFlag != 0 else {
      _ = try? GuestMemory.write(area, record)
      return
    }
    // The guest's other vCPUs read it too: while XEN_RUNSTATE_UPDATE stands in `state_entry_time`, it changes.
    let updating: UInt64 = 1 &<< 63
    let entryTime = record[1]
    record[1] |= updating
    guard (try? GuestMemory.write(area + 8, record[1])) != nil else { return }
    _ = try? GuestMemory.write(area, record)
    _ = try? GuestMemory.write(area + 8, entryTime)
  }

  /// `struct vcpu_runstate_info` (xen/vcpu.h) as it is at `now`: state, time of entry, and the four times.
  public func runstateRecord(now: UInt64) -> InlineArray<6, UInt64> {
    let account = self[].entity.account
    let times = account.times(at: now)
    return [UInt64(account.state.rawValue), account.since, times.running, times.runnable, times.blocked, times.offline]
  }
}

extension Ref where T == PhysicalCPU {
  /// Takes all LDT pages out of this CPU's area and drops what they held.
  func hideLDT() {
    guard self[].ldtPages != 0 else { return }
    for page in 0..<16 where self[].ldtPages &>> UInt16(page) & 1 != 0 {
      self[].area.setLDT(page: page, nil)
      let frame = self[].ldtFrames[page]
      TLB.invalidate(LinearAddress(self[].area.ldtBase &+ UInt64(page) &<< 12))
      ledger[].stopUsingDescriptors(frame)
    }
    self[].ldtPages = 0
  }

  /// Has this CPU, whose vCPU's state is saved if it has one, use the hypervisor's own tables and show nobody's descriptors.
  func forgetTables() {
    hideLDT()
    for page in 0..<14 where self[].gdtPages &>> UInt16(page) & 1 != 0 { self[].area.setGDT(page: page, nil) }
    self[].gdtPages = 0
    TLB.setPageTable(Ref<Hypervisor>.shared[].tables.root)
    self[].vcpu = nil
  }

  /// Rule H2, for debug builds and tests: whether the top-level table that this CPU, which runs this, has loaded is held: by the
  /// vCPU whose state it has, or by the hypervisor.
  var usesHeldTable: Bool {
    let table = MachineFrame(physical: Registers.cr3 & PTE.frameMask)
    if table == Ref<Hypervisor>.shared[].tables.root { return true }
    guard let vcpu = self[].vcpu else { return false }
    return table == vcpu[].kernelTable || table == vcpu[].userTable
  }
}
