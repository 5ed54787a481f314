// SPDX-License-Identifier: Apache-2.0
//
// `./martlet test`: every test there is, from the fence to whole boots, and one line at the end.

import BootScenarios
import Foundation

enum TestCommand {
  static let parts = ["fence", "host", "router", "fuzz", "guests", "boots", "xl", "attacks", "debian"]

  static let table = OptionTable(
    verb: "test",
    summary: """
      Runs the tests; the last line is 'N passed, N failed'. Logs of guests and boots are in
      build/test-logs.
      """,
    options: [
      Option("--part", "NAMES", "only these parts, comma-separated: \(parts.joined(separator: ", "))"),
      Option("--filter", "TEXT", "only tests whose name contains TEXT"),
      Option("--jobs", "N", "machines run side by side (default 2)"),
      Option("--patience", "N", "let machines stand still N times as long before they count as hung (default 1)"),
      Option("--hypervisor", "WHICH", "boot guests and Domain 0 on another one:\n\(HypervisorChoice.help)"),
      Option(
        "--all", nil, "everything, also what takes long: a hundred guests, 1 GiB of load, every stage"),
      Option("--list", nil, "list the boots, guests and flows, run nothing"),
    ],
    notes: """
      Parts: fence (nothing unsafe outside the fence), host (Swift Testing), router (the rules of
      VIFs, in network namespaces), fuzz (a fixed number of steps), guests (GuestKit's small guests,
      each as Domain 0), boots (Debian's kernel as Domain 0), xl (flows of xl), attacks (hostile guests
      beside a healthy one), debian (a whole Debian as Domain 0, with two
      Debian guests).
      """)

  /// Steps of the fuzzer in a test run.
  static let fuzzSteps = 200_000
  static let fuzzSeed = 417

  static func main(_ arguments: [String]) throws -> Int32 {
    guard let values = try table.parse(arguments) else { return 0 }
    let filter = values.string("--filter")
    let chosen = values.string("--part").map { $0.split(separator: ",").map(String.init) } ?? parts
    for part in chosen where !parts.contains(part) {
      throw ToolError.usage("--part: there is no part '\(part)'; there are \(parts.joined(separator: ", "))")
    }
    let jobs = try values.integer("--jobs", 2, in: 1...64)
    let patience = Double(try values.integer("--patience", 1, in: 1...100)) * HostSpeed.slowness
    let choice = HypervisorChoice(values.string("--hypervisor") ?? "martlet")
    let matches: (String) -> Bool = { name in filter.map { name.contains($0) } ?? true }
    let boots = BootScenario.all.filter { matches($0.name) && (choice == .martlet || !$0.onlyMartlet) }
    let guests = try GuestRuns.names().filter { matches("guest-" + $0) }
    let flows = XLFlow.all.filter { matches($0.name) && (!$0.onlyWithAll || values.has("--all")) }
    let attacks = try AttackRuns.flows(filter: filter)
    if values.has("--list") {
      for boot in boots { Report.line(boot.name) }
      for guest in guests { Report.line("guest-" + guest) }
      for flow in flows { Report.line(flow.name) }
      for attack in try AttackRuns.lines() where matches(attack.label) { Report.line(attack.label) }
      if matches(DebianRuns.name) { Report.line(DebianRuns.name) }
      return 0
    }

    var tally = TestTally()
    // A part that cannot even start is a failed test, not the end of the others; where the machine refuses, it is skipped.
    func attempt(_ part: String, _ body: () throws -> Void) {
      guard chosen.contains(part) else { return }
      do { try body() } catch let error as ToolError where error.isRefusal {
        tally.skip(part, because: error.message)
      } catch {
        tally.add(TestOutcome(name: part, failure: (error as? ToolError)?.message ?? "\(error)"))
      }
    }
    try Places.makeFolder(Places.testLogs)
    attempt("fence") { if matches("fence") { tally.add(try FenceTest.run()) } }
    attempt("host") { try HostTests.run(filter: filter, patience: patience, into: &tally) }
    attempt("router") { try RouterTests.run(filter: filter, into: &tally) }
    attempt("fuzz") {
      if matches("fuzz"), FuzzTest.isPresent { tally.add(try FuzzTest.run(steps: fuzzSteps, seed: fuzzSeed)) }
    }
    var machines: [MachineRun] = []
    // A whole Debian has time limits of its own, so it gets the processors to itself.
    var alone: [MachineRun] = []
    attempt("xl") {
      guard !flows.isEmpty else { return }
      machines += try XLRuns.prepare(flows, on: choice, patience: patience, concurrent: values.has("--all"))
    }
    attempt("debian") {
      if matches(DebianRuns.name) { alone += try DebianRuns.prepare(on: choice, patience: patience) }
    }
    attempt("attacks") {
      if !attacks.isEmpty { machines += try AttackRuns.prepare(attacks, on: choice, patience: patience) }
    }
    attempt("boots") { if !boots.isEmpty { machines += try BootRuns.prepare(boots, on: choice, patience: patience) } }
    attempt("guests") {
      if !guests.isEmpty { machines += try GuestRuns.prepare(guests, on: choice, patience: patience) }
    }
    for (runs, jobs) in [(machines, jobs), (alone, 1)] {
      MachinePool.run(runs, jobs: jobs) { for outcome in AttackRuns.outcomes(of: $0) { tally.add(outcome) } }
    }
    return tally.conclude()
  }
}
