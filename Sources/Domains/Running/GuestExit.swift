// SPDX-License-Identifier: Apache-2.0
// The one way back to a guest: whatever has come up meanwhile is dealt with here, so that nothing else in the hypervisor has to
// ask itself whether somebody waits.
import Frames
import Machine
import XenABI

/// Work that is done between an entry and the return to a guest.
public enum GuestExit {
  /// Gets the CPU ready to return to a guest: chooses who runs, handles timers, takes dead page tables apart, and hands the
  /// guest its events. The frame is then the guest's to resume.
  @inline(__always)
  public static func prepare(_ frame: Ref<TrapFrame>) {
    let cpu = Ref<PhysicalCPU>.current
    cpu[].staleWrites = 0
    // Nearly always there is nothing to do, and this is all that is looked at.
    if cpu[].work.load() == 0, let vcpu = cpu[].vcpu, !vcpu[].info.isPending, vcpu[].pending.load() == 0,
      !cpu[].needsFailsafe
    {
      return
    }
    attend(cpu, frame)
  }

  @inline(never)
  private static func attend(_ cpu: Ref<PhysicalCPU>, _ frame: Ref<TrapFrame>) {
    while true {
      if cpu[].work.load() != 0 { doWork(cpu, frame) }
      guard let vcpu = cpu[].vcpu else {
        cpu[].work.fetchOr(CPUWork.schedule)
        continue
      }
      if vcpu[].pending.load() & VCPUPending.nmi != 0 { deliverNMI(vcpu, frame) }
      if cpu[].needsFailsafe { deliverFailsafe(cpu, vcpu, frame) }
      let info = vcpu[].info
      if info.isPending && !info.isMasked && vcpu[].callbacks.event != 0 {
        vcpu.bounce(frame, to: GuestEntryPoint(address: vcpu[].callbacks.event, masksEvents: true))
      }
      // Handing over may have ended the domain.
      if cpu[].work.load() == 0 { break }
    }
    assert(LockOrder.isClear, "a lock is held on the way to a guest")
    if Stretch.isMeasured {
      Stretch.measure()
      // The next exit comes this way too.
      cpu[].work.fetchOr(CPUWork.measure)
    }
  }

  /// What has come up while nobody ran. The choice of who runs next follows in any case; dead page tables wait for their
  /// domain.
  static func workWhileIdle(_ cpu: Ref<PhysicalCPU>) {
    let work = cpu[].work.exchange(0)
    if work & CPUWork.grace != 0 { GracePeriod.pause(cpu) }
    if work & CPUWork.clock != 0 { Timekeeping.takeOver(cpu) }
    if work & CPUWork.timers != 0 {
      cpu[].timerDeadline = UInt64.max
      let now = Hypervisor.now
      Timers.run(cpu, now: now)
      Ref<Console>.pollQueue(cpu, now: now)
    }
    if work & CPUWork.console != 0 { ConsoleInput.run() }
    if work & CPUWork.transmit != 0 { Ref<Console>.watchQueue(cpu) }
    if work & CPUWork.consoleRing != 0 { MachineInterrupts.raise(VirtualInterrupt.consoleRing) }
    if work & CPUWork.nmi != 0 { NMIDispatch.handOn(cpu) }
    if work & CPUWork.teardown != 0 { cpu[].hasTeardown = true }
  }

  @inline(never)
  private static func doWork(_ cpu: Ref<PhysicalCPU>, _ frame: Ref<TrapFrame>) {
    let work = cpu[].work.exchange(0)
    if work & CPUWork.grace != 0 { GracePeriod.pause(cpu) }
    if work & CPUWork.clock != 0 { Timekeeping.takeOver(cpu) }
    if work & CPUWork.timers != 0 {
      cpu[].timerDeadline = UInt64.max
      let now = Hypervisor.now
      Timers.run(cpu, now: now)
      Ref<Console>.pollQueue(cpu, now: now)
      if now >= cpu[].nextBalance { Scheduler.balance(cpu, now: now) }
      Timers.program(cpu)
    }
    if work & CPUWork.console != 0 { ConsoleInput.run() }
    if work & CPUWork.transmit != 0 { Ref<Console>.watchQueue(cpu) }
    if work & CPUWork.consoleRing != 0 { MachineInterrupts.raise(VirtualInterrupt.consoleRing) }
    if work & CPUWork.nmi != 0 { NMIDispatch.handOn(cpu) }
    if work & CPUWork.teardown != 0 { drain(cpu) }
    if work & CPUWork.schedule != 0 || cpu[].vcpu == nil {
      Scheduler.decide(cpu, frame)
      if cpu[].hasTeardown {
        cpu[].hasTeardown = false
        cpu[].work.fetchOr(CPUWork.teardown)
      }
    }
  }

  /// Rule T1: the running domain's dead page tables are taken apart before its guest goes on, a stretch at a time.
  private static func drain(_ cpu: Ref<PhysicalCPU>) {
    guard let domain = cpu[].vcpu?[].domain else { return }
    let isDone = domain[].pageTables.withLock { ledger[].drain(&$0.work) }
    // More to do: let others run and interrupts in, then come back.
    if !isDone {
      cpu[].work.fetchOr(CPUWork.teardown | CPUWork.schedule)
      Registers.allowInterrupts()
    }
  }

  private static func deliverNMI(_ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>) {
    let handler = vcpu.nmiHandler
    guard vcpu[].pending.load() & VCPUPending.nmiActive == 0, handler != 0 else { return }
    vcpu[].pending.fetchAnd(~VCPUPending.nmi)
    vcpu[].pending.fetchOr(VCPUPending.nmiActive)
    vcpu.bounce(frame, to: GuestEntryPoint(address: handler, masksEvents: true))
  }

  private static func deliverFailsafe(_ cpu: Ref<PhysicalCPU>, _ vcpu: Ref<VCPU>, _ frame: Ref<TrapFrame>) {
    cpu[].needsFailsafe = false
    vcpu.failsafe(frame)
  }
}
