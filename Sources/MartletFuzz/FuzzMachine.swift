// SPDX-License-Identifier: Apache-2.0
// The machine of one episode: a simulated one with one CPU and a standing clock, and a domain that only ever waits, so that the
// CPU always has somebody to go to.
import Domains
import Frames
import Machine
import Scheduling
import SimulatedMachine
import XenABI

/// One simulated machine.
final class FuzzMachine {
  static let frames: UInt64 = 3072
  /// The hold by which the fuzzer chooses who runs: a bit that nobody else uses.
  static let unchosen: UInt64 = 1 << 40

  let cpu: Ref<PhysicalCPU>
  /// The frame of the running guest's registers.
  let frame: Ref<TrapFrame>
  let root: MachineFrame
  let tally: LedgerTally
  /// What is held outside of tables.
  let held: LedgerTally
  /// Who waits.
  private(set) var watchman: Ref<VCPU>

  /// A machine whose system time stands still near `time` nanoseconds.
  init(time: UInt64) {
    let machine = SimulatedMachine(MachinePlan(frames: FuzzMachine.frames, devices: 16, standingTime: time))
    let frames = FuzzMachine.frames
    cpu = machine.cpu
    root = Ref<Hypervisor>.shared[].tables.root
    tally = LedgerTally(storage: machine.ownFrames(LedgerTally.framesNeeded(for: frames)), frames: frames)
    held = LedgerTally(storage: machine.ownFrames(LedgerTally.framesNeeded(for: frames)), frames: frames)
    frame = Ref<TrapFrame>.create(in: machine.ownFrames(1), TrapFrame.zero)
    // The last frames are device memory, one of which nobody may map.
    _ = ledger[].forbiddenDevices.insert(frames - 1)
    ledger[].shareReadOnly(Ref<Hypervisor>.shared[].machineToPhysical.first)
    let waiting = FuzzMachine.makeDomain(9, vcpus: 1, isPrivileged: false)
    guard let vcpu = waiting[].vcpu(index: 0) else { preconditionFailure("no vCPU") }
    watchman = vcpu
    // Nobody finds it, so nobody can shut it down.
    Ref<Hypervisor>.shared[].domains.set(waiting[].id, nil)
    vcpu[].holds.fetchAnd(~VCPUHold.down)
    Scheduler.settle(vcpu)
  }

  /// A domain with vCPUs that are down.
  static func makeDomain(_ id: UInt16, vcpus: Int, isPrivileged: Bool) -> Ref<Domain> {
    do throws(XenError) {
      return try DomainCreation.create(
        DomainSpecification(
          id: DomainID(id), isPrivileged: isPrivileged, mayUseHardware: isPrivileged, vcpus: vcpus, frameLimit: 192))
    } catch { preconditionFailure("no memory for a domain") }
  }

  /// Keeps a vCPU from running.
  func hold(_ vcpu: Ref<VCPU>) {
    vcpu[].holds.fetchOr(FuzzMachine.unchosen)
    Scheduler.settle(vcpu)
  }

  /// Has a vCPU run next, if it can. Gives whether it does.
  func run(_ vcpu: Ref<VCPU>) -> Bool {
    if let old = cpu[].vcpu, old != vcpu, old != watchman { hold(old) }
    vcpu[].holds.fetchAnd(~FuzzMachine.unchosen)
    Scheduler.settle(vcpu)
    cpu[].work.fetchOr(CPUWork.schedule)
    GuestExit.prepare(frame)
    // Time stands still, so the watchman never has to go by itself.
    if vcpu != watchman && vcpu[].holds.load() == 0 && cpu[].vcpu == watchman {
      Scheduler.yield()
      GuestExit.prepare(frame)
    }
    return cpu[].vcpu == vcpu
  }

  /// The first rule of the ledger's that does not hold. `isExact` if `held` says all that is held outside of tables.
  func brokenRule(nothingDies: Bool, isExact: Bool) -> BrokenRule? {
    ledger[].firstBrokenRule(tally, hypervisorRoot: root, nothingDies: nothingDies, held: isExact ? held : nil)
  }
}
