// SPDX-License-Identifier: Apache-2.0
//
// The attacks of GuestKit domains: from attacks.list to machines, and from a machine's log to one outcome for each attack.

import BootScenarios
import Foundation

enum AttackRuns {
  static let list = Places.root + "/Integration/domain0-fast/scenarios/attacks.list"
  static let sources = Places.root + "/Sources/GuestTests/Attacks"

  /// Every attack that the flow runs.
  static func lines() throws -> [AttackLine] {
    AttackLine.lines(of: String(decoding: try Places.read(list), as: UTF8.self))
  }

  /// The machines for those whose label has `filter`; none when it names none.
  static func flows(filter: String?) throws -> [XLFlow] {
    guard let filter, !"attacks".contains(filter) else { return XLFlow.attacks() }
    return try lines().contains { $0.label.contains(filter) } ? XLFlow.attacks(only: filter) : []
  }

  static func prepare(_ flows: [XLFlow], on choice: HypervisorChoice, patience: Double) throws -> [MachineRun] {
    try checkList()
    let flows = flows.map { flow in
      var flow = flow
      if choice == .xen { flow.settings.append("xen=1") }
      return flow
    }
    return try XLRuns.prepare(flows, on: choice, patience: patience)
  }

  /// The list names all attacks of the sources and no others: one that is forgotten would never run.
  private static func checkList() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: sources).sorted().filter { $0.hasSuffix(".swift") }
    let declared = try files.flatMap { file in
      String(decoding: try Places.read(sources + "/" + file), as: UTF8.self).components(separatedBy: "attack(\"")
        .dropFirst().map { String($0.prefix { $0 != "\"" }) }
    }
    let listed = Set(try lines().map(\.guest))
    let difference = Set(declared).symmetricDifference(listed).sorted()
    guard difference.isEmpty else {
      throw ToolError.failed(
        "attacks.list and Sources/GuestTests/Attacks differ in: \(difference.joined(separator: ", "))")
    }
  }

  /// The outcome of a machine, and before it those of the attacks that its log has, if it ran attacks.
  static func outcomes(of machine: TestOutcome) -> [TestOutcome] {
    guard machine.name.hasPrefix("attacks-"),
      let data = FileManager.default.contents(atPath: Places.testLogs + "/" + machine.name + ".log")
    else { return [machine] }
    return steps(in: LogTail.plain(String(decoding: data, as: UTF8.self))) + [machine]
  }

  /// The attacks that a log tells of. One that is left out, with its reason, counts as neither passed nor failed.
  static func steps(in log: String) -> [TestOutcome] {
    log.split(whereSeparator: \.isNewline).compactMap { line in
      guard line.hasPrefix("MARTLET-FLOW attacks attack-"), let colon = line.range(of: ": ") else { return nil }
      let name = String(line[..<colon.lowerBound].split(separator: " ").last ?? "")
      let verdict = line[colon.upperBound...]
      if verdict.hasPrefix("SKIPPED") {
        Report.line("left out: \(name): \(verdict.dropFirst(8))")
        return nil
      }
      guard verdict.hasPrefix("PASS") else { return TestOutcome(name: name, failure: String(verdict.dropFirst(5))) }
      let time = verdict.drop { $0 != "(" }.dropFirst().prefix { $0 != " " }
      return TestOutcome(name: name, failure: nil, seconds: Double(time))
    }
  }
}
