// SPDX-License-Identifier: Apache-2.0
// A scenario: what some CPUs do at once, and what must be so when they have done it. `explore` runs it under every order of
// their steps that a search comes by. docs/testing.md, "Exploring", tells how to write one.
import CExploration
import Frames
import Machine

/// How many schedules to try.
public struct Effort {
  /// Preemptions (and stores that wait, which count as such) in the schedules that are searched through.
  public var bound: Int
  /// The most schedules that the search runs.
  public var limit: Int
  /// How many random schedules to run after the search.
  public var random: Int
  /// The seed of the first random one; each next one has the next number.
  public var seed: UInt64

  public init(bound: Int = 2, limit: Int = 11_000, random: Int = 1_000, seed: UInt64 = 1) {
    (self.bound, self.limit, self.random, self.seed) = (bound, limit, random, seed)
  }
}

/// What exploring a scenario has shown.
public struct Outcome: CustomStringConvertible {
  /// What went wrong in the first schedule that failed; nil if none did.
  public var failure: String?
  /// The schedule that failed: `replay` runs it again.
  public var schedule = ""
  /// The seed by which the schedule was found, if by chance.
  public var seed: UInt64?
  /// Schedules that were run.
  public var schedules = 0
  /// Whether the search ran all schedules up to its bound.
  public var isComplete = false

  public var description: String {
    guard let failure else {
      return "\(schedules) schedules\(isComplete ? ", all up to the bound" : ""): nothing wrong"
    }
    let found = seed.map { "seed \($0), " } ?? ""
    return "after \(schedules) schedules: \(failure); \(found)schedule \"\(schedule)\""
  }
}

/// What several CPUs do at once, on the simulated machine as it is when the scenario is explored.
public struct Scenario<State> {
  /// Its name, for messages.
  public var name: String
  /// Whether stores may wait in their CPUs' buffers (total store order), as on real CPUs.
  public var storesWait = true
  /// Makes what the programs share, on CPU 0, before each run: all that is not in the simulated memory must be new.
  public var setup: () -> State
  /// What each CPU does, from 0 on. When one's program ends, its CPU is in a guest, or idle: it takes interrupts.
  public var programs: [(State) -> Void]
  /// Takes an interrupt on the CPU that runs it. Flush requests are answered without it.
  public var interrupt: (State, HypervisorVector) -> Void = { _, _ in }
  /// What is wrong after all have ended; nil if nothing is. Runs alone.
  public var check: (State) -> String?
  /// What is wrong with an access of a guest; nil if nothing is.
  public var judge: (GuestAccess) -> String? = { _ in nil }
  /// Addresses (up to eight) whose translations a CPU may remember again right after each flush, without an access: CPUs walk
  /// tables on speculation.
  public var speculated: [UInt64] = []
  var preparations: [(cpu: Int, body: () -> Void)] = []

  public init(
    _ name: String, setup: @escaping () -> State, cpus programs: [(State) -> Void],
    check: @escaping (State) -> String? = { _ in nil }
  ) {
    (self.name, self.setup, self.programs, self.check) = (name, setup, programs, check)
  }

  /// Has `body` run as another CPU, once, before the machine is remembered: to give it a record, a page table.
  public mutating func prepare(cpu: Int, _ body: @escaping () -> Void) { preparations.append((cpu, body)) }

  /// Runs the scenario under many schedules, and stops at the first that fails. The caller has the machine's turn.
  public func explore(_ effort: Effort = Effort()) -> Outcome {
    var outcome = Outcome()
    begin()
    defer { end() }
    for bound in 0...max(effort.bound, 0) {
      explore_search(Int32(bound))
      var isDone = false
      while !isDone && outcome.schedules < effort.limit {
        if runOnce(&outcome) { return outcome }
        isDone = !explore_next()
      }
      outcome.isComplete = isDone
    }
    for number in 0..<UInt64(effort.random) {
      explore_randomly(effort.seed + number)
      if runOnce(&outcome) {
        outcome.seed = effort.seed + number
        return outcome
      }
    }
    return outcome
  }

  /// Runs one schedule again.
  public func replay(_ schedule: String) -> Outcome {
    var outcome = Outcome()
    begin()
    defer { end() }
    precondition(explore_replay(schedule), "not a schedule: \(schedule)")
    _ = runOnce(&outcome)
    return outcome
  }

  /// Gives whether it failed.
  private func runOnce(_ outcome: inout Outcome) -> Bool {
    explore_restore()
    let state = setup()
    Current.run = Current.Run(
      program: { programs[$0](state) },
      interrupt: { vector in
        if vector == .flush { FlushMailbox.answerCurrent() } else { interrupt(state, vector) }
      },
      judge: judge)
    let failure = explore_run().map { String(cString: $0) }
    Current.run = nil
    outcome.schedules += 1
    outcome.failure = failure ?? check(state)
    if outcome.failure != nil { outcome.schedule = String(cString: explore_schedule()) }
    return outcome.failure != nil
  }

  private func begin() {
    let callbacks = explore_callbacks(
      program: { Current.run!.program(Int($0)) },
      interrupt: { _, vector in if let known = HypervisorVector(rawValue: vector) { Current.run!.interrupt(known) } },
      judge: { Current.judged($0) })
    for cpu in 0..<programs.count { CPUs.setOnline(cpu, true) }
    if CPUs.started < programs.count { CPUs.setStarted(programs.count) }
    precondition(explore_begin(Int32(programs.count), storesWait, callbacks), "no memory to explore in")
    for (cpu, body) in preparations {
      var body = body
      withUnsafeMutablePointer(to: &body) {
        explore_as(Int32(cpu), { $0!.assumingMemoryBound(to: (() -> Void).self).pointee() }, $0)
      }
    }
    explore_speculate(speculated, Int32(speculated.count))
    precondition(explore_remember(), "no memory to explore in")
  }

  private func end() {
    explore_restore()
    explore_end()
  }
}

/// The run that is under way: there is one machine in the process.
private enum Current {
  struct Run {
    let program: (Int) -> Void
    let interrupt: (HypervisorVector) -> Void
    let judge: (GuestAccess) -> String?
  }
  nonisolated(unsafe) static var run: Run?
  nonisolated(unsafe) static var verdict: ContiguousArray<CChar> = []

  static func judged(_ access: UnsafePointer<explore_access>) -> UnsafePointer<CChar>? {
    guard let text = run!.judge(GuestAccess(access.pointee)) else { return nil }
    verdict = text.utf8CString
    return verdict.withUnsafeBufferPointer { $0.baseAddress }
  }
}

/// What programs of a scenario call.
public enum Explored {
  /// The top-level page table that a CPU has loaded just now.
  public static func topTable(ofCPU cpu: Int) -> MachineFrame { MachineFrame(explore_top_table(Int32(cpu))) }

  /// Ends the run as failed, if `condition` does not hold.
  public static func require(_ condition: Bool, _ reason: String) {
    if !condition { explore_fail(reason) }
  }
}
