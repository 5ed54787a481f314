// SPDX-License-Identifier: Apache-2.0
//
// What basic operations cost in Domain 0, in instructions: Integration/programs/cost.c under QEMU's -icount shift=0, where
// the clock is the instruction counter.

import Foundation

/// Instructions per operation, by the operation's name, for one way to boot.
struct InstructionCosts: Codable {
  let subject: String
  let costs: [String: Int]

  /// Xen without the mitigations that Martlet does not have.
  static let unmitigated = "spec-ctrl=no xpti=no pv-l1tf=no"

  static func measure(_ subjects: BenchSubjects) throws -> [InstructionCosts] {
    let runs: [(subject: String, name: String, line: QEMULine)] = [
      ("ours", "ours", subjects.line(hypervisor: subjects.ours, options: unmitigated, scenario: "bench")),
      ("Xen, \(unmitigated)", "xen", subjects.line(hypervisor: subjects.xen, options: unmitigated, scenario: "bench")),
      ("Xen, defaults", "xen-defaults", subjects.line(hypervisor: subjects.xen, options: "", scenario: "bench")),
      ("no hypervisor", "native", subjects.nativeLine(scenario: "bench")),
    ]
    return try runs.map { run in
      Report.step("costs in instructions: \(run.subject)")
      var line = run.line
      line.countsInstructions = true
      let boot = try TimedBoot.run(line, name: "bench-costs-" + run.name)
      return InstructionCosts(subject: run.subject, costs: parse(boot.text))
    }
  }

  /// The lines "COST name number".
  static func parse(_ text: String) -> [String: Int] {
    var costs: [String: Int] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 3, words[0] == "COST", let number = Int(words[2]) { costs[String(words[1])] = number }
    }
    return costs
  }
}
