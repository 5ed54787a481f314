// SPDX-License-Identifier: Apache-2.0
//
// Building for the bare machine: SwiftPM with the metal toolset, linked by our own scripts, then turned into the 32-bit ELF
// that multiboot loaders take. Every flag of these builds is in this file.

import Foundation

/// A bare-metal executable product and how it is linked.
struct MetalProduct {
  let name: String
  let linkScript: String

  static let hypervisor = MetalProduct(name: "Martlet", linkScript: "Sources/Martlet/link.ld")
  static let guests = MetalProduct(name: "GuestTests", linkScript: "Sources/GuestTests/link.ld")
}

enum MetalBuild {
  static let scratch = Places.root + "/.build-metal"

  /// SwiftPM's arguments for one product. Flags that reach the compiler are the same for all products, so that changing
  /// from one to the other compiles nothing anew; only the link differs.
  static func swiftArguments(_ product: MetalProduct, symbolTable: String?) -> [String] {
    var words = ["swift", "build", "-c", "release", "--product", product.name]
    words += ["--triple", "x86_64-unknown-none-elf", "--toolset", "toolsets/metal.json"]
    words += ["--explicit-target-dependency-import-check", "error", "--scratch-path", scratch]
    for flag in ["-nostdlib", "-static"] { words += ["-Xswiftc", "-Xclang-linker", "-Xswiftc", flag] }
    let script = Places.root + "/" + product.linkScript
    for flag in ["-T", script, "--gc-sections", "--build-id=none", "-z", "max-page-size=4096", "-z", "noexecstack"] {
      words += ["-Xlinker", flag]
    }
    if let symbolTable { words += ["-Xlinker", symbolTable] }
    return words
  }

  /// Builds build/martlet (multiboot), build/martlet.elf (symbols) and build/martlet.gz.
  static func hypervisor() throws {
    Report.step("building the hypervisor")
    let elf = try SymbolPass.link()
    let unchanged = FileManager.default.contentsEqual(atPath: elf, andPath: Places.imageWithSymbols)
    if unchanged, Places.exists(Places.image), Places.exists(Places.image + ".gz") { return }
    try convert(elf, to: Places.image)
    try Places.atomically(Places.image + ".gz") { draft in
      try Shell.run(["sh", "-c", "exec gzip -n -9 <\"$1\" >\"$2\"", "sh", Places.image, draft])
    }
    try copy(elf, to: Places.imageWithSymbols)
  }

  /// Builds build/guests/guest.elf.
  static func guests() throws {
    Report.step("building the GuestKit guests")
    try copy(try link(.guests), to: Places.guests)
  }

  /// Compiles and links one product and returns the 64-bit ELF.
  static func link(_ product: MetalProduct, symbolTable: String? = nil) throws -> String {
    try Shell.run(
      swiftArguments(product, symbolTable: symbolTable), environment: ["MARTLET_METAL": "1"], folder: Places.root,
      advice: "the errors are above")
    return scratch + "/x86_64-unknown-none-elf/release/" + product.name
  }

  /// Multiboot loaders want a 32-bit ELF; the code in it stays what it is.
  private static func convert(_ elf: String, to image: String) throws {
    try Places.atomically(image) { draft in
      try Shell.run([try tool("llvm-objcopy"), "-O", "elf32-i386", "--strip-all", elf, draft])
    }
  }

  private static func copy(_ file: String, to path: String) throws {
    try Places.write(try Places.read(file), to: path)
  }

  /// A tool of the Swift toolchain: beside the swift that PATH finds, or in PATH.
  static func tool(_ name: String) throws -> String {
    let swift = try Shell.run(["sh", "-c", "readlink -f \"$(command -v swift)\""])
    let beside = (swift.trimmingCharacters(in: .whitespacesAndNewlines) as NSString).deletingLastPathComponent
    let tool = beside + "/" + name
    return Places.exists(tool) ? tool : name
  }
}
