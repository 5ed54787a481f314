// SPDX-License-Identifier: Apache-2.0
//
// Debian packages that are fetched and unpacked but never installed: the kernel that Domain 0 runs, and Debian's Xen as
// the reference. The cache holds one folder per package file, so its name tells the version; a small file beside it, named
// for what was asked, says which folder is in use. Delete that file to ask Debian again.

import Foundation

enum DebianArchive {
  /// The folder with the unpacked package that `name` stands for. With `dependency`, the package taken is the first one
  /// that `name` depends on whose own name starts with `dependency` (a metapackage such as linux-image-amd64).
  static func unpacked(_ name: String, dependency: String? = nil) throws -> String {
    let pointer = Places.cache + "/" + name
    if let folder = known(name) { return folder }
    let package = try dependency.map { try self.dependency(of: name, startingWith: $0) } ?? name
    Report.step("fetching Debian's package \(package)")
    try Places.makeFolder(Places.cache)
    var folder = ""
    try Places.atomically(Places.cache + "/download") { draft in
      try Places.makeFolder(draft)
      try download([package], into: draft)
      let files = try FileManager.default.contentsOfDirectory(atPath: draft)
      guard let file = files.first(where: { $0.hasSuffix(".deb") }) else {
        throw ToolError.failed("apt-get download \(package) left no package; try that command yourself")
      }
      folder = String(file.dropLast(".deb".count))
      try Places.atomically(Places.cache + "/" + folder) { unpacked in
        try Shell.run(["dpkg", "-x", draft + "/" + file, unpacked])
      }
    }
    try? FileManager.default.removeItem(atPath: Places.cache + "/download")
    try Places.write(Data(folder.utf8), to: pointer)
    return Places.cache + "/" + folder
  }

  /// The folders of several packages, in the order of their names; what is missing is fetched in one go.
  static func unpacked(all names: [String]) throws -> [String] {
    let missing = names.filter { known($0) == nil }
    if !missing.isEmpty {
      Report.step("fetching \(missing.count) of Debian's packages")
      try Places.makeFolder(Places.cache)
      try Places.atomically(Places.cache + "/downloads") { draft in
        try Places.makeFolder(draft)
        try download(missing, into: draft)
        for file in try FileManager.default.contentsOfDirectory(atPath: draft) where file.hasSuffix(".deb") {
          let folder = String(file.dropLast(".deb".count))
          try Places.atomically(Places.cache + "/" + folder) { unpacked in
            try Shell.run(["dpkg", "-x", draft + "/" + file, unpacked])
          }
          let name = folder.prefix { $0 != "_" }
          try Places.write(Data(folder.utf8), to: Places.cache + "/" + name)
        }
      }
      try? FileManager.default.removeItem(atPath: Places.cache + "/downloads")
    }
    return try names.map { name in
      guard let folder = known(name) else {
        throw ToolError.failed("apt-get download \(name) left no package; try that command yourself")
      }
      return folder
    }
  }

  /// The folders of several packages, if all of them are there.
  static func known(_ names: [String]) -> [String]? {
    let folders = names.compactMap { known($0) }
    return folders.count == names.count ? folders : nil
  }

  private static func known(_ name: String) -> String? {
    guard let data = FileManager.default.contents(atPath: Places.cache + "/" + name) else { return nil }
    let folder = Places.cache + "/" + String(decoding: data, as: UTF8.self)
    return Places.exists(folder) ? folder : nil
  }

  /// `apt-get download`; as root without the _apt user's sandbox, which cannot write into our folders.
  private static func download(_ packages: [String], into folder: String) throws {
    let command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download"] + packages
    if try Shell.result(command, folder: folder).status == 0 { return }
    DebianPackages.refreshLists()
    try Shell.run(command, folder: folder, advice: "is the network up, and is this Debian 12?")
  }

  private static func dependency(of name: String, startingWith start: String) throws -> String {
    if let found = try firstDependency(of: name, startingWith: start) { return found }
    DebianPackages.refreshLists()
    if let found = try firstDependency(of: name, startingWith: start) { return found }
    throw ToolError.failed("Debian's package lists do not say what \(name) depends on; is this Debian 12 (bookworm)?")
  }

  private static func firstDependency(of name: String, startingWith start: String) throws -> String? {
    let text = try Shell.result(["apt-cache", "depends", "--important", name]).text
    return text.split(separator: "\n")
      .filter { $0.contains("Depends: ") }
      .compactMap { $0.split(separator: " ").last.map(String.init) }
      .first { $0.hasPrefix(start) }
  }
}
