// SPDX-License-Identifier: Apache-2.0
//
// The table of the hypervisor's own symbols: which of nm's lines are functions, what they are called, how the table lies.

import Testing

@testable import MartletTool

@Suite struct SymbolTableTests {
  @Test func takesFunctionsByAddress() {
    let symbols = SymbolTableMaker.symbols(
      fromListing: """
        ffff828000100200 T later
        ffff828000100100 t local
        ffff828000100100 W weak
        ffff828000300000 D data
        ffff828000300000 R constant
        0000000000100000 A martlet_entry_physical
                         U nothing
        ffff828000101000 T martlet_text_end
        ffff828000100300 T b
        ffff828000100300 T a
        not a line
        """)
    #expect(symbols.map(\.linkName) == ["weak", "later", "a"])
    #expect(symbols.map(\.address) == [0xffff_8280_0010_0100, 0xffff_8280_0010_0200, 0xffff_8280_0010_0300])
  }

  @Test func sameTableInWhateverOrder() {
    let lines = ["10 t b", "10 W a", "10 T c", "20 t y", "20 t x"]
    let expected = [TextSymbol(address: 0x10, linkName: "c"), TextSymbol(address: 0x20, linkName: "x")]
    #expect(SymbolTableMaker.symbols(fromListing: lines.joined(separator: "\n")) == expected)
    #expect(SymbolTableMaker.symbols(fromListing: lines.reversed().joined(separator: "\n")) == expected)
  }

  @Test func shortensNames() {
    #expect(SymbolTableMaker.shortened("specialized static DebugKeys.press(_:)") == "DebugKeys.press(_:)")
    #expect(SymbolTableMaker.shortened("closure #1 in static DebugKeys.grants()") == "closure #1 in DebugKeys.grants()")
    #expect(SymbolTableMaker.shortened("martlet_exit") == "martlet_exit")
    #expect(SymbolTableMaker.shortened("über") == "??ber")
    let long = String(repeating: "x", count: 500)
    #expect(SymbolTableMaker.shortened(long).utf8.count == SymbolTableMaker.longestName)
  }

  @Test func laysTheTableOut() {
    let symbols = [0x1000, 0x2000, 0x3000].map { TextSymbol(address: $0, linkName: "") }
    let text = SymbolTableMaker.assembly(symbols, names: ["one", "a \"b\" \\", "one"])
    let body = text.split(separator: "\n").map { $0.trimmingPrefix(while: { $0 == " " }) }
    #expect(
      body.filter { $0.hasPrefix(".quad") }.map(String.init) == [
        ".quad 3", ".quad 0x1000, 0", ".quad 0x2000, 4", ".quad 0x3000, 0",
      ])
    // An equal name is there once.
    #expect(
      body.filter { $0.hasPrefix(".asciz") }.map(String.init) == [".asciz \"one\"", ".asciz \"a \\\"b\\\" \\\\\""])
  }
}
