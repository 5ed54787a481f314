// SPDX-License-Identifier: Apache-2.0
//
// Which shared libraries the programs of an initramfs need, and where in the unpacked packages they are: as the dynamic
// linker would find them, from the NEEDED entries, round by round until nothing is missing.

import Foundation

enum SharedLibraries {
  static let folder = "usr/lib/x86_64-linux-gnu/"
  static let loader = "ld-linux-x86-64.so.2"

  /// Adds the libraries of all programs and libraries in the tree, out of the unpacked packages in `packages`.
  static func complete(_ tree: inout FileTree, from packages: [String]) throws {
    let libraries = try index(packages)
    var seen: Set<String> = []
    while true {
      let programs = try tree.entries.values.compactMap { entry -> String? in
        guard case .file(let source, executable: _) = entry, seen.insert(source).inserted else { return nil }
        return try isELF(source) ? source : nil
      }
      guard !programs.isEmpty else { break }
      let text = try Shell.run(["readelf", "-d"] + programs, advice: "install binutils")
      for name in needed(by: text) where tree[folder + name] == nil {
        guard let source = libraries[name] else {
          throw ToolError.failed("no package that was fetched has the library \(name)")
        }
        tree[folder + name] = .file(source, executable: true)
      }
    }
    tree["lib64/" + loader] = .link("../lib/x86_64-linux-gnu/" + loader)
  }

  /// The names in readelf's `(NEEDED) Shared library: [NAME]` lines, each once.
  static func needed(by dynamicSections: String) -> Set<String> {
    var names: Set<String> = []
    for line in dynamicSections.split(separator: "\n") where line.contains("(NEEDED)") {
      guard let start = line.lastIndex(of: "["), let end = line.lastIndex(of: "]"), start < end else { continue }
      names.insert(String(line[line.index(after: start)..<end]))
    }
    return names
  }

  /// Library name to file, links followed: in all the folders in which Debian's linker looks.
  private static func index(_ packages: [String]) throws -> [String: String] {
    var libraries: [String: String] = [:]
    for package in packages {
      for place in ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"] {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: package + place)) ?? []
        where name.contains(".so") {
          let path = package + place + "/" + name
          // A link to a file of the same package; one that leads elsewhere is of no use here.
          if Places.exists(path) { libraries[name] = (path as NSString).resolvingSymlinksInPath }
        }
      }
    }
    return libraries
  }

  private static func isELF(_ path: String) throws -> Bool {
    guard let file = FileHandle(forReadingAtPath: path) else { throw ToolError.failed("cannot read \(path)") }
    defer { try? file.close() }
    return try file.read(upToCount: 4) == Data([0x7f, 0x45, 0x4c, 0x46])
  }
}
