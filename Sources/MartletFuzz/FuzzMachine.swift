// SPDX-License-Identifier: Apache-2.0
// The simulated machine of one episode: its memory, its one CPU, the hypervisor's records, and a domain that only ever waits, so
// that the CPU always has somebody to go to.
//
// The clock stands still for as long as an episode lasts: nothing that happens then depends on how fast the host is, and a seed
// replays exactly. (System time is the host's counter, slowed so much that its first tick is seconds away.)
import Domains
import Frames
import Machine
import Scheduling
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

  /// A machine whose system time is about `time` nanoseconds.
  init(time: UInt64) {
    precondition(Simulation.start(frames: FuzzMachine.frames), "the host has no memory for a simulated machine")
    CPUs.setStarted(1)
    // The same whatever the host is.
    var features = CPUFeatures.detect()
    features.xsave = false
    features.isAMD = false
    features.gigabytePages = false
    features.fsgsbase = true
    features.physicalBits = 40
    features.publish()
    var next = MachineFrame(1)
    func take(_ count: UInt64) -> MachineFrame {
      defer { next = next + count }
      return next
    }
    let frames = FuzzMachine.frames
    let storage = take(FrameLedger.framesNeeded(for: frames))
    Ref<FrameLedger>.create(in: take(Ref<FrameLedger>.framesNeeded), FrameLedger(storage: storage, frames: frames))
      .publish()
    let translation = MachineToPhysical(first: take((frames * 8 + 4095) >> 12), entries: frames)
    var memory = BootMemory()
    let boot = take(64)
    _ = memory.add(start: boot.number, end: boot.number + 64)
    guard let tables = HypervisorPageTables(memory: &memory),
      let area = CPUArea(number: 0, tables: tables, memory: &memory)
    else { preconditionFailure("no memory for the CPU's area") }
    root = tables.root
    let shift = UInt64(-Int(TickScale(hertz: UInt64.max).shift))
    Ref<Hypervisor>.create(
      in: take(Ref<Hypervisor>.framesNeeded),
      Hypervisor(
        clock: SystemClock(origin: SystemClock.counter &- time &<< shift, hertz: UInt64.max, timerHertz: 1_000_000_000),
        tables: tables, machineToPhysical: translation, domains: DomainTable(directory: take(1), first: take(1)),
        vcpus: VCPURegistry(directory: take(1), first: take(1)))
    ).publish()
    cpu = Ref<PhysicalCPU>.create(
      in: take(Ref<PhysicalCPU>.framesNeeded),
      PhysicalCPU(number: 0, area: area, timers: TimerQueue(directory: take(1), first: take(1))))
    cpu.bindToCurrentCPU()
    Ref<Hypervisor>.shared[].cpus[0] = cpu
    Ref<InterruptRouting>.create(
      in: take(Ref<InterruptRouting>.framesNeeded), InterruptRouting(directory: take(1), first: take(1))
    ).publish()
    Ref<Console>.create(in: take(Ref<Console>.framesNeeded), Console(port: nil, ring: take(1), frames: 1)).publish()
    Ref<MachineMemory>.create(in: take(Ref<MachineMemory>.framesNeeded), MachineMemory(map: E820Map())).publish()
    tally = LedgerTally(storage: take(LedgerTally.framesNeeded(for: frames)), frames: frames)
    held = LedgerTally(storage: take(LedgerTally.framesNeeded(for: frames)), frames: frames)
    frame = Ref<TrapFrame>.create(in: take(1), TrapFrame.zero)
    ledger[].claim(start: 0, end: next.number)
    // The last frames stay what they are at the start: device memory, one of which nobody may map.
    ledger[].addMemory(start: next.number, end: frames - 16)
    _ = ledger[].forbiddenDevices.insert(frames - 1)
    ledger[].shareReadOnly(translation.first)
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
