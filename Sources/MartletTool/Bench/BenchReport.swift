// SPDX-License-Identifier: Apache-2.0
//
// The measurements as a table for people and as JSON for programs.

import Foundation

struct BenchReport: Codable {
  var boots: BootTimes?
  var costs: [InstructionCosts] = []
  var flows: [FlowMeasures] = []
  var clocks: ClockRates?

  func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return try encoder.encode(self)
  }

  var text: String {
    var lines: [String] = []
    if let boots {
      lines.append("Boot to Domain 0's shell, seconds, medians of \(boots.ours.rounds.count) alternating runs")
      lines.append(Self.row("", ["ours", "Xen", "ratio"]))
      for (name, pick) in [
        ("QEMU's start to shell", \BootTime.shell), ("kernel's start to shell", \.kernel), ("to power-off", \.whole),
      ] {
        let (ours, xen) = (boots.ours[keyPath: pick], boots.xen[keyPath: pick])
        lines.append(Self.row(name, [ours, xen, ours / xen].map { String(format: "%.2f", $0) }))
      }
      lines.append("")
    }
    if !costs.isEmpty {
      lines.append("Costs in Domain 0, instructions")
      let names = costs.reduce(into: Set<String>()) { $0.formUnion($1.costs.keys) }.sorted()
      for (index, cost) in costs.enumerated() { lines.append("  (\(index + 1)) \(cost.subject)") }
      lines.append(Self.row("", costs.indices.map { "(\($0 + 1))" }))
      for name in names { lines.append(Self.row(name, costs.map { $0.costs[name].map(String.init) ?? "-" })) }
    }
    if let clocks { lines.append(clocks.text) }
    for flow in flows { lines += ["", flow.text] }
    return lines.joined(separator: "\n")
  }

  static func row(_ name: String, _ columns: [String]) -> String {
    let head = name.padding(toLength: 26, withPad: " ", startingAt: 0)
    return head + columns.map { String(repeating: " ", count: max(1, 12 - $0.count)) + $0 }.joined()
  }
}
