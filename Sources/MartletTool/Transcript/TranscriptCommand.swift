// SPDX-License-Identifier: Apache-2.0
//
// `./martlet transcript`: the commands of xl on Martlet and on Debian's Xen, side by side, as a page of the documentation.

import BootScenarios
import Foundation

enum TranscriptCommand {
  static let table = OptionTable(
    verb: "transcript",
    summary: """
      Runs the commands of xl that manage guests, in the small Domain 0, on Martlet and on Debian's
      Xen, and writes what they say side by side to docs/xl-transcript.md.
      """,
    options: [
      Option("--output", "FILE", "write there instead"),
      Option("--hypervisor", "WHICH", "another one in Martlet's place:\n\(HypervisorChoice.help)"),
      Option("--patience", "N", "let the machine stand still N times as long before it counts as hung (default 1)"),
    ])

  static func main(_ arguments: [String]) throws -> Int32 {
    guard let values = try table.parse(arguments) else { return 0 }
    let patience = Double(try values.integer("--patience", 1, in: 1...100)) * HostSpeed.slowness
    let output = values.string("--output").map(Places.absolute) ?? Places.root + "/docs/xl-transcript.md"
    var flow = XLFlow("xl-transcript")
    flow.settings = [XLRuns.patienceWord(patience)]
    let theirs = try entries(of: flow, on: .xen, name: "transcript-xen", patience: patience)
    let ours = try entries(
      of: flow, on: HypervisorChoice(values.string("--hypervisor") ?? "martlet"), name: "transcript-ours",
      patience: patience)
    try Places.write(Data(TranscriptPage.text(theirs: theirs, ours: ours).utf8), to: output)
    Report.step("written to \(output)")
    return 0
  }

  private static func entries(
    of flow: XLFlow, on choice: HypervisorChoice, name: String, patience: Double
  ) throws -> [TranscriptEntry] {
    Report.step("the commands on \(choice)")
    try Places.makeFolder(Places.testLogs)
    let line = try XLMachine.ensure(choice).line(flow)
    return TranscriptEntry.parse(try TimedBoot.run(line, name: name, patience: patience).text)
  }
}

/// One command, what it said, and its exit status.
struct TranscriptEntry: Equatable {
  let command: String
  var output: [String] = []
  var status = ""

  /// Reads the marked lines of the script xl-transcript.sh. A mark may stand behind what somebody else had left unfinished on
  /// the line.
  static func parse(_ text: String) -> [TranscriptEntry] {
    var entries: [TranscriptEntry] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
      guard let mark = line.range(of: "TRANSCRIPT ") else { continue }
      let rest = line[mark.upperBound...]
      let words = String(rest.dropFirst(2))
      switch rest.first {
      case "$": entries.append(TranscriptEntry(command: words))
      case "|" where !entries.isEmpty: entries[entries.count - 1].output.append(words)
      case "=" where !entries.isEmpty: entries[entries.count - 1].status = words
      default: break
      }
    }
    return entries
  }
}
