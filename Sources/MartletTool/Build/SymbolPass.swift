// SPDX-License-Identifier: Apache-2.0
//
// The hypervisor's image holds a table of its own functions' names, which are known only once it is linked. So it is linked
// with the table of the build before; when the names or addresses have changed, the table is made anew and the image linked
// again. The table lies behind all text, so it moves no function: that is checked.

import Foundation

enum SymbolPass {
  private static let table = MetalBuild.scratch + "/martlet-symbols.o"
  private static let source = MetalBuild.scratch + "/martlet-symbols.S"

  /// Builds the hypervisor with the table of its symbols; returns the 64-bit ELF.
  static func link() throws -> String {
    if !Places.exists(table) { try makeTable([]) }
    var elf = try MetalBuild.link(.hypervisor, symbolTable: table)
    let symbols = try symbols(of: elf)
    guard try makeTable(symbols) || isOlder(elf) else { return elf }
    // SwiftPM does not know that the image depends on the table.
    try? FileManager.default.removeItem(atPath: elf)
    elf = try MetalBuild.link(.hypervisor, symbolTable: table)
    guard try self.symbols(of: elf) == symbols else {
      throw ToolError.failed(
        "the symbol table has moved functions of the image: does something stand before .text in link.ld?")
    }
    return elf
  }

  private static func symbols(of elf: String) throws -> [TextSymbol] {
    SymbolTableMaker.symbols(fromListing: try Shell.run([try MetalBuild.tool("llvm-nm"), elf]))
  }

  /// Whether an image was linked before the table was made, because a build was broken off in between.
  private static func isOlder(_ elf: String) -> Bool {
    func date(_ path: String) -> Date? {
      (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }
    guard let linked = date(elf), let made = date(table) else { return true }
    return linked < made
  }

  /// Makes the table's object file; gives whether it differs from the one that was there.
  @discardableResult private static func makeTable(_ symbols: [TextSymbol]) throws -> Bool {
    let listing = symbols.map(\.linkName).joined(separator: "\n")
    let list = MetalBuild.scratch + "/martlet-symbols.txt"
    let fingerprint = symbols.map { String($0.address, radix: 16) + " " + $0.linkName }.joined(separator: "\n")
    if Places.exists(table), FileManager.default.contents(atPath: list) == Data(fingerprint.utf8) { return false }
    try Places.makeFolder(MetalBuild.scratch)
    let names = symbols.isEmpty ? [] : try demangled(listing, count: symbols.count)
    try Places.write(Data(SymbolTableMaker.assembly(symbols, names: names).utf8), to: source)
    try Shell.run(
      [try MetalBuild.tool("clang"), "-c", "--target=x86_64-unknown-none-elf", "-x", "assembler", source, "-o", table])
    try Places.write(Data(fingerprint.utf8), to: list)
    return true
  }

  private static func demangled(_ listing: String, count: Int) throws -> [String] {
    let file = MetalBuild.scratch + "/martlet-symbols.mangled"
    try Places.write(Data((listing + "\n").utf8), to: file)
    let tool = try MetalBuild.tool("swift-demangle")
    let text = try Shell.run(["sh", "-c", "exec \"$1\" --simplified --compact <\"$2\"", "sh", tool, file])
    let names = text.split(separator: "\n", omittingEmptySubsequences: true).map {
      SymbolTableMaker.shortened(String($0))
    }
    guard names.count == count else { throw ToolError.failed("\(tool) gave \(names.count) names for \(count) symbols") }
    return names
  }
}
