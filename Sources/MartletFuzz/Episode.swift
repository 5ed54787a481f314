// SPDX-License-Identifier: Apache-2.0
// One episode: a fresh machine, so many random steps, checks on the way, and the end of all domains. It depends on its seed alone.
import Domains
import Frames
import Hypercalls
import Machine
import XenABI

/// What an episode has found.
struct Finding: Error, CustomStringConvertible {
  let step: Int
  let what: String
  var description: String { "step \(step): \(what)" }
}

/// A run of random steps.
final class Episode {
  /// How many steps an episode has at most.
  static let length = 5000
  /// How many steps lie between two full recounts.
  static let recount = 256

  let machine: FuzzMachine
  let guests: [Guest]
  var random: Random
  var translations = Translations()
  /// Whether all hypercalls are made, or only those whose references can all be recounted.
  let isWide: Bool
  var step = 0
  /// What the step at hand does, for a trace.
  var doing = ""
  let isTraced: Bool
  private var heard: UInt64 = 0
  /// Where the arguments of the call in the making go next.
  var cursor = 0
  /// Calls by their result: how many succeeded, and how many there were.
  var succeeded = 0
  var calls = 0
  /// How often a call was preempted.
  var preemptions = 0

  /// After how many units of work each stretch is over; nil for a random number at each step.
  let units: Int?
  /// What every call has given, as one number.
  var results: UInt64 = 0
  // Not `random`: what an episode does must not depend on where it is stopped.
  private var stops: Random

  /// With `units`, every preempted call is gone on with, so that the outcome is the same for any number.
  init(seed: UInt64, units: Int? = nil, isTraced: Bool = false) {
    self.units = units
    stops = Random(seed: ~seed)
    random = Random(seed: seed)
    isWide = seed & 1 != 0
    self.isTraced = isTraced
    machine = FuzzMachine(time: UInt64(random.below(1 << 28)))
    let machine = self.machine
    guests = [1, 2, 3].map { Guest($0, isPrivileged: $0 == 1, machine: machine) }
    prepareCode()
  }

  /// The guest that runs, if one of ours does, and its vCPU.
  var running: (guest: Guest, vcpu: Ref<VCPU>)? {
    guard let vcpu = machine.cpu[].vcpu, let guest = living.first(where: { $0.domain == vcpu[].domain }) else {
      return nil
    }
    return (guest, vcpu)
  }

  /// Takes up to `steps` steps; gives how many, as an episode ends early when no domain can run any more.
  func run(steps: Int) throws -> Int {
    defer { Simulation.stretchUnits = nil }
    while step < steps {
      step += 1
      guard let (guest, vcpu) = choose() else { return step }
      if isTraced { doing = "" }
      // Half of the steps go on to their end; the others stop somewhere, most of them early.
      Simulation.stretchUnits = units ?? (stops.chance(50) ? nil : 1 + stops.below(1 << stops.below(9)))
      act(guest, vcpu)
      if isTraced { Fuzzer.say("step \(step): domain \(guest.id) vCPU \(vcpu[].id.raw): \(doing)") }
      if isTraced { tellConsole() }
      try check()
    }
    return step
  }

  /// What the hypervisor has said since it was last told.
  private func tellConsole() {
    let console = Ref<Console>.shared
    let end = console[].lock.withLock { $0.produced }
    let bytes = (heard..<end).map { console.byte(at: $0) }
    heard = end
    if !bytes.isEmpty { Fuzzer.say(String(decoding: bytes, as: UTF8.self)) }
  }

  /// Makes sure that a vCPU of ours runs, and changes to another one now and then.
  private func choose() -> (Guest, Ref<VCPU>)? {
    // Somebody unpauses what is paused, sooner or later.
    if random.chance(2) { for guest in living { while random.chance(50) && guest.domain.unpause() {} } }
    if let now = running, now.vcpu[].holds.load() == 0, !random.chance(3) { return now }
    for _ in 0..<24 {
      // The one that controls the others more often than each of them.
      let guest = random.chance(25) ? guests[0] : random.pick(living)
      let vcpu = random.pick(guest.vcpus)
      guard vcpu[].isInitialised else { continue }
      if vcpu[].holds.load() & VCPUHold.down != 0 && random.chance(30) { vcpu[].holds.fetchAnd(~VCPUHold.down) }
      vcpu[].holds.fetchAnd(~VCPUHold.blocked)
      if machine.run(vcpu) { return (guest, vcpu) }
    }
    return nil
  }

  private func check() throws {
    if let stale = translations.stale() {
      throw Finding(
        step: step,
        what: "F1: frame \(stale.frame.number) has become another thing while the CPU may have a "
          + (stale.isWritable ? "writable" : "readable") + " translation to it")
    }
    if let now = running {
      // T1: nobody goes on while tables of theirs wait to be taken apart.
      if !now.guest.domain[].pageTables.withLock({ $0.work.isEmpty }) {
        throw Finding(step: step, what: "T1: domain \(now.guest.id) runs while its teardown queue holds a table")
      }
    }
    if !LockOrder.isClear { throw Finding(step: step, what: "a lock is held on the way to the guest") }
    if step % Episode.recount == 0 { try recount() }
  }

  /// How many entries of the guests' tables for random mappings are grants'.
  var grantMappings: Int {
    guests.reduce(0) { sum, guest in
      sum
        + (0..<512).filter {
          PhysicalWindow.load(guest.slotTable, word: $0) & (PTE.present | PTE.grantMapping) == PTE.present
            | PTE.grantMapping
        }.count
    }
  }

  /// Recounts everything.
  func recount() throws {
    let nothingDies = listed.allSatisfy { $0[].pageTables.withLock { $0.work.isEmpty } }
    tallyHeld()
    if let broken = machine.brokenRule(nothingDies: nothingDies, isExact: !isWide) {
      throw Finding(step: step, what: "\(broken.rule), frame \(broken.frame.number)")
    }
    for guest in living {
      let counted = ledger[].recountOwned(DomainID(guest.id))
      let owned = ledger[].accounts.owned(DomainID(guest.id))
      if counted != owned {
        throw Finding(step: step, what: "A1: domain \(guest.id) has \(counted) frames, its account says \(owned)")
      }
    }
  }

  /// The guests whose destruction has not begun. The first, who controls the others, always lives.
  var living: [Guest] { guests.filter { !$0.isDead } }

  /// All domains that there are, those that the guests have made too.
  var listed: [Ref<Domain>] {
    (0..<64).compactMap { (number: UInt16) in Hypervisor.domain(DomainID(number)) }
  }

  /// Has the CPU do what it does on its way to a guest, until the destructions that have begun have come as far as they can.
  func finishDestructions() throws {
    for domain in listed where domain[].isDying {
      var turns = 0
      while !domain.destroy() {
        turns += 1
        if turns > 100_000 { throw Finding(step: step, what: "the end of domain \(domain[].id.raw) does not come") }
        GuestExit.prepare(machine.frame)
      }
    }
    for _ in 0..<64 { GuestExit.prepare(machine.frame) }
  }

  /// What vCPUs and the CPU hold of frames.
  private func tallyHeld() {
    let held = machine.held
    held.clear()
    // What the hypervisor shares with a domain, its own page and the frames of its grant table, it holds all the time.
    for number in 0..<FuzzMachine.frames where ledger[].isShared(MachineFrame(number)) {
      if ledger[].owner(MachineFrame(number)).isOrdinary { held.add(MachineFrame(number), references: 1, uses: 1) }
    }
    for guest in living {
      for vcpu in guest.vcpus {
        if let table = vcpu[].kernelTable { held.add(table, references: 1, uses: 1) }
        if let table = vcpu[].userTable { held.add(table, references: 1, uses: 1) }
        for page in 0..<(vcpu[].gdtEntries + 511) / 512 where vcpu[].gdtFrames[page] != .invalid {
          held.add(vcpu[].gdtFrames[page], references: 1, uses: 1)
        }
        if vcpu[].hasOwnInfo { held.add(vcpu[].info.frame, references: 1, uses: 1) }
      }
    }
    for page in 0..<16 where machine.cpu[].ldtPages >> UInt16(page) & 1 != 0 {
      held.add(machine.cpu[].ldtFrames[page], references: 1, uses: 1)
    }
  }
}
