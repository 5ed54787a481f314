// SPDX-License-Identifier: Apache-2.0
//
// Flows of xl that measure: their lines "MARTLET-MEASURED FLOW NAME VALUE UNIT", on Martlet and on Debian's Xen.

import BootScenarios
import Foundation

/// What one flow measured on both, by name, in the order of its first line; several values of a name are several rounds.
struct FlowMeasures: Codable {
  let flow: String
  let names: [String]
  let units: [String: String]
  let ours: [String: [Double]]
  let xen: [String: [Double]]

  /// Runs the flow on both, Xen first.
  static func run(
    _ name: String, hypervisors: (ours: HypervisorChoice, xen: HypervisorChoice), settings: [String], patience: Double
  ) throws -> FlowMeasures {
    var flow = XLFlow(name)
    flow.settings = settings + [XLRuns.patienceWord(patience)]
    let machines = try [hypervisors.xen, hypervisors.ours].map(XLMachine.ensure)
    let texts = try zip(machines, ["xen", "ours"]).map { machine, who in
      Report.step("\(name) on \(who == "xen" ? "Debian's Xen" : "Martlet")")
      var line = try machine.line(flow)
      line.hypervisorOptions = line.hypervisorOptions.replacingOccurrences(of: "loglvl=all", with: "loglvl=warning")
      return try TimedBoot.run(line, name: "bench-\(name)-\(who)", patience: patience).text
    }
    let (theirs, ours) = (parse(texts[0], flow: name), parse(texts[1], flow: name))
    var names = ours.names
    for name in theirs.names where !names.contains(name) { names.append(name) }
    return FlowMeasures(
      flow: name, names: names, units: ours.units.merging(theirs.units) { first, _ in first }, ours: ours.values,
      xen: theirs.values)
  }

  /// The measured lines of one run.
  static func parse(
    _ text: String, flow: String
  ) -> (names: [String], values: [String: [Double]], units: [String: String]) {
    var (names, values, units): ([String], [String: [Double]], [String: String]) = ([], [:], [:])
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      guard words.count >= 4, words[0] == "MARTLET-MEASURED", words[1] == flow, let value = Double(words[3]) else {
        continue
      }
      if values[words[2]] == nil { names.append(words[2]) }
      values[words[2], default: []].append(value)
      units[words[2]] = words.dropFirst(4).joined(separator: " ")
    }
    return (names, values, units)
  }

  /// Medians, and their ratio.
  var text: String {
    var lines = ["\(flow): medians"]
    lines.append(BenchReport.row("", ["ours", "Xen", "ratio"]))
    for name in names {
      let (a, b) = (ours[name].map(BootTimes.median), xen[name].map(BootTimes.median))
      let ratio = a.flatMap { a in b.map { $0 == 0 ? "-" : String(format: "%.2f", a / $0) } } ?? "-"
      let columns = [a, b].map { $0.map { String(format: "%.0f", $0) } ?? "-" } + [ratio]
      lines.append(BenchReport.row(name, columns) + "  " + (units[name] ?? ""))
    }
    return lines.joined(separator: "\n")
  }
}
