// SPDX-License-Identifier: Apache-2.0
//
// The table of CPU models: every one that QEMU named when they were recorded, once, in the code and in docs/processors.md.

import BootScenarios
import Foundation
import Testing

@Suite struct ProcessorTableTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private func lines(_ path: String) throws -> [[String]] {
    try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8).split(separator: "\n")
      .map { $0.split(separator: " ").map(String.init) }
  }

  @Test func `every model has a row, with those that are alike under emulation`() throws {
    var alike: [[String]] = []
    var withLongMode: Set<String> = []
    var missing: [String] = []
    for words in try lines("Tests/InstructionsTests/Fixtures/processors.txt") {
      switch words[0] {
      case "none": missing = [words[2]]
      // What is made up has features behind its name.
      case "shown": alike.append(words[1].contains(",") ? [] : Array(words.dropFirst()))
      case "declared": alike.append([])
      case "80000001.0":
        if UInt32(words[4], radix: 16)! & 1 << 29 != 0, let name = alike.last?.first { withLongMode.insert(name) }
      default: break
      }
    }
    alike.removeAll(where: \.isEmpty)
    #expect(alike.flatMap(\.self).count == 131)
    #expect(EmulatedProcessor.all.map(\.names) == alike + [missing])
    for row in EmulatedProcessor.all {
      let wanted: EmulatedProcessor.Use =
        row.names == missing ? .needsKVM : withLongMode.contains(row.names[0]) ? .guests : .hasNoLongMode
      // What emulation cannot run is found out by trying.
      if wanted == .guests && row.use == .emulationHangs { continue }
      #expect(row.use == wanted, "\(row.names)")
    }
  }

  @Test func `each has a flow, and six are always tried`() {
    let flows = XLFlow.all.filter { $0.script == "xl-processor" }
    #expect(flows.map(\.cpuModel) == EmulatedProcessor.all.filter { $0.use == .guests }.map { $0.names[0] })
    #expect(flows.filter { !$0.onlyWithAll }.count == 6)
  }

  @Test func `the page has the same rows`() throws {
    let page = try lines("docs/processors.md")
    let table = page.filter { $0.first == "|" && $0.count > 2 && $0[1].hasPrefix("`") }
    let rows = table.map { words in
      let end = words.dropFirst().firstIndex(of: "|")!
      return words[1..<end].map { $0.trimmingCharacters(in: ["`", ","]) }
    }
    #expect(rows == EmulatedProcessor.all.map(\.names))
    for (words, row) in zip(table, EmulatedProcessor.all) {
      #expect(words.contains("up") == (row.use == .guests), "\(row.names)")
      #expect(words.contains("**always**") == row.isAlwaysTested, "\(row.names)")
    }
  }
}
