// SPDX-License-Identifier: Apache-2.0
//
// Options as a person types them, right and wrong.

import Testing

@testable import MartletTool

@Suite struct OptionTests {
  let table = OptionTable(
    verb: "try", summary: "Tries.", options: [Option("--size", "N", "how big"), Option("--loud", nil, "louder")])

  @Test func readsValuesInBothForms() throws {
    #expect(try table.parse(["--size", "3", "--loud"])?.integer("--size", 1, in: 0...9) == 3)
    #expect(try table.parse(["--size=a=b"])?.string("--size") == "a=b")
    #expect(try table.parse([])?.integer("--size", 1, in: 0...9) == 1)
    #expect(try table.parse(["--loud"])?.has("--loud") == true)
  }

  @Test(arguments: [["--sise", "3"], ["--size"], ["--loud=1"], ["word"]])
  func refusesWhatIsWrong(_ arguments: [String]) {
    #expect(throws: ToolError.self) { try table.parse(arguments) }
  }

  @Test func refusesNumbersOutOfRange() throws {
    let values = try #require(try table.parse(["--size", "10"]))
    #expect(throws: ToolError.self) { try values.integer("--size", 1, in: 0...9) }
    #expect(throws: ToolError.self) { try values.choice("--size", "a", of: ["a", "b"]) }
  }

  @Test func helpNamesEveryOption() {
    #expect(table.help.contains("--size N  how big"))
    #expect(table.help.contains("--loud"))
    #expect(table.help.contains("--help"))
  }

  @Test(arguments: [("512", 512), ("768M", 768), ("2G", 2048), ("1g", 1024), ("2048K", 2), ("1T", 1 << 20)])
  func readsSizes(_ text: String, _ size: Int) { #expect(parseMebibytes(text) == size) }

  @Test(arguments: ["", "G", "-1", "0", "1K", "1.5G", "999999999999G", "12X"])
  func refusesSizes(_ text: String) { #expect(parseMebibytes(text) == nil) }

  @Test(arguments: ["run", "build", "test", "fuzz", "bench"])
  func everyVerbHasHelp(_ verb: String) throws {
    #expect(MartletTool.help.contains("  \(verb) "))
    #expect(try MartletTool.run(verb: verb, arguments: ["--help"]) == 0)
  }

  @Test func unknownVerbIsRefused() {
    #expect(throws: ToolError.self) { try MartletTool.run(verb: "fly", arguments: []) }
  }
}
