// SPDX-License-Identifier: Apache-2.0
// A machine for scenarios of scheduling between CPUs: two domains, vCPUs with page tables of their own, and CPUs that pass the
// hypervisor's real exit, idle in its real idle loop, and take interrupts in their guests.
import Exploration
import Frames
import Machine
import Scheduling
import SimulatedMachine
import XenABI

@testable import Domains

/// The machine, as it is when a run begins.
final class Stage {
  /// A guest's stack ends here, and its event callback stands there.
  static let stackTop: UInt64 = 0x7000_1000
  static let callback: UInt64 = 0x40_0000

  let world: SimulatedMachine
  let cpus: Int
  private(set) var frames: [Ref<TrapFrame>] = []
  /// The domain that scenarios are about, with one vCPU, and one with a vCPU tied to each CPU.
  private(set) var guest: Ref<Domain>!
  private(set) var others: Ref<Domain>!
  private(set) var root: MachineFrame!
  /// A frame of words that programs of a scenario share.
  private(set) var words: MachineFrame!

  var vcpu: Ref<VCPU> { guest[].vcpu(index: 0)! }
  func tied(_ cpu: Int) -> Ref<VCPU> { others[].vcpu(index: cpu)! }
  func cpu(_ number: Int) -> Ref<PhysicalCPU> { Ref<Hypervisor>.shared[].cpus[number]! }

  private init(_ world: SimulatedMachine, cpus: Int) { (self.world, self.cpus) = (world, cpus) }

  /// Explores what `programs` do at once, on CPUs 0 and following. At the beginning those in `running` run the guest's vCPU or
  /// their tied one (`others`), the rest have run nobody yet and have nobody to run. `prepare` makes changes before that.
  static func explore(
    _ name: String, cpus: Int, vcpuOn first: Int?, tiedOn others: [Int], _ effort: Effort = Effort(limit: 12_000),
    prepare: @escaping (Stage) -> Void = { _ in }, programs: [(Run) -> Void], check: @escaping (Run) -> String?
  ) -> Outcome {
    SimulatedMachine.run(MachinePlan(frames: 2048, origin: 0)) { world in
      let stage = Stage(world, cpus: cpus)
      var scenario = Scenario(
        name, setup: { Run(stage) }, cpus: programs,
        check: { run in stage.brokenRule() ?? check(run) })
      scenario.interrupt = { $0.take($1) }
      scenario.prepare(cpu: 0) { stage.build() }
      for number in 1..<cpus { scenario.prepare(cpu: number) { world.becomeCPU(number) } }
      scenario.prepare(cpu: 0) {
        for vcpu in [stage.vcpu] + (0..<cpus).map(stage.tied) {
          vcpu[].holds.store(VCPUHold.down)
          Scheduler.admit(vcpu)
        }
        prepare(stage)
        // An idle CPU would clear memory, in thousands of steps.
        while ledger[].scrubSome() {}
      }
      for number in 0..<cpus where number == first || others.contains(number) {
        scenario.prepare(cpu: number) {
          let runs = number == first ? stage.vcpu : stage.tied(number)
          if number == first { stage.move(runs, to: number) }
          runs[].holds.store(0)
          Scheduler.settle(runs)
          GuestExit.prepare(stage.frames[number])
          precondition(stage.cpu(number)[].vcpu == runs)
        }
      }
      defer {
        for number in 1..<8 { CPUs.setOnline(number, false) }
        CPUs.setStarted(1)
      }
      return scenario.explore(effort)
    }
  }

  private func build() {
    guest = world.makeDomain(1)
    others = world.makeDomain(2, vcpus: cpus)
    world.map(Stage.stackTop - 4096, world.guestFrame(guest))
    root = MachineFrame(physical: Registers.cr3)
    words = world.ownFrames(1)
    PhysicalWindow.clear(words)
    for _ in 0..<cpus {
      frames.append(Ref<TrapFrame>.create(in: world.ownFrames(1), .zero))
    }
    vcpu[].kernelTable = root
    vcpu[].registers.rsp = Stage.stackTop
    vcpu[].callbacks.event = Stage.callback
    for number in 0..<cpus {
      tied(number)[].kernelTable = world.ownFrames(1)
      tied(number)[].affinity.hard = CPUMask(cpu: number)
    }
  }

  /// Has the vCPU be in a CPU's queue.
  func move(_ vcpu: Ref<VCPU>, to number: Int) {
    _ = Scheduler.withHome(of: vcpu) { queue, _ in Scheduler.take(vcpu, outOf: &queue, now: Hypervisor.now) }
    Scheduler.admit(vcpu, to: cpu(number))
  }

  /// Lets a tied vCPU wait in its queue.
  func wakeTied(_ number: Int) {
    tied(number)[].holds.fetchAnd(~VCPUHold.down)
    Scheduler.settle(tied(number))
  }

  /// Rules Q1 to Q4 of every queue, and H3 of every vCPU.
  private func brokenRule() -> String? {
    var store = VCPUStore()
    for number in 0..<cpus {
      if let broken = cpu(number)[].queue.withLock({ $0.firstBrokenRule(in: &store) }) { return "\(broken)" }
    }
    for vcpu in [vcpu] + (0..<cpus).map(tied) {
      guard vcpu[].home.load() < UInt64(cpus) else { return "H3: a vCPU has no home" }
      let isHeld = vcpu[].holds.load() != 0
      if isHeld == vcpu[].entity.isRunnable { return "H3: a queue has not heard of a vCPU's holds" }
      if vcpu[].isLoaded.load() != 0, cpu(Int(vcpu[].cpu.load()))[].vcpu != vcpu {
        return "H1: a vCPU is where it is not"
      }
    }
    return nil
  }
}

/// One run of a scenario.
final class Run {
  let stage: Stage
  private var isInGuest: [Bool]

  init(_ stage: Stage) {
    self.stage = stage
    isInGuest = (0..<stage.cpus).map { stage.cpu($0)[].vcpu != nil }
  }

  /// This CPU comes into the hypervisor for `body`, and goes back to whichever guest is to run then.
  func enter(_ body: () -> Void = {}) {
    let number = CPUs.current
    isInGuest[number] = false
    body()
    GuestExit.prepare(stage.frames[number])
    isInGuest[number] = true
  }

  func take(_ vector: HypervisorVector) {
    // In the idle loop, or where it lets interrupts in, the hypervisor only notes what there is to do.
    guard isInGuest[CPUs.current] else { return Interrupts.handle(vector.rawValue) }
    enter { Interrupts.handle(vector.rawValue) }
  }

  /// The words that programs share.
  func load(_ word: Int) -> UInt64 { PhysicalWindow.load(stage.words, word: word * 8) }
  func store(_ word: Int, _ value: UInt64) { _ = PhysicalWindow.exchange(stage.words, word: word * 8, value) }
}
