// SPDX-License-Identifier: Apache-2.0
//
// A set of Debian packages together with everything they depend on, fetched and unpacked side by side but never installed:
// what the small Domain 0 with Xen's tools takes its files from. apt-get itself resolves the dependencies, as for a machine
// on which nothing is installed yet.

import Foundation

enum DebianClosure {
  /// The folders of the unpacked packages `names` and all they depend on, in apt's order, without those whose name starts
  /// with one of `leavingOut`. The answer is cached under `title`; delete that file in the cache to ask Debian again.
  static func unpacked(_ names: [String], title: String, leavingOut: [String]) throws -> [String] {
    let list = Places.cache + "/" + title + ".packages"
    let question = names.joined(separator: " ") + " without " + leavingOut.joined(separator: " ")
    if let text = FileManager.default.contents(atPath: list) {
      let lines = String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
      if lines.first == question, let folders = DebianArchive.known(Array(lines.dropFirst())) { return folders }
    }
    let packages = try closure(of: names).filter { name in !leavingOut.contains { name.hasPrefix($0) } }
    let folders = try DebianArchive.unpacked(all: packages)
    try Places.write(Data(([question] + packages).joined(separator: "\n").utf8), to: list)
    return folders
  }

  /// What apt-get would install on an empty system.
  private static func closure(of names: [String]) throws -> [String] {
    let command =
      ["apt-get", "-q", "-s", "-o", "Dir::State::status=/dev/null", "--no-install-recommends", "install"] + names
    var (status, text) = try Shell.result(command)
    if status != 0 {
      DebianPackages.refreshLists()
      (status, text) = try Shell.result(command)
    }
    let packages = installed(by: text)
    guard status == 0, !packages.isEmpty else {
      throw ToolError.failed(
        "\(text)\napt-get cannot resolve \(names.joined(separator: " ")); is this Debian 12 (bookworm)?")
    }
    return packages
  }

  /// The package names in the `Inst NAME (VERSION ...)` lines of a simulated installation.
  static func installed(by simulation: String) -> [String] {
    simulation.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard words.count > 1, words[0] == "Inst" else { return nil }
      return words[1].split(separator: ":").first.map(String.init)
    }
  }
}
