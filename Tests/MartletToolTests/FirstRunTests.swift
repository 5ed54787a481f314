// SPDX-License-Identifier: Apache-2.0
//
// The script `martlet` on machines that lack something, with small programs in the place of Debian's: what it says must be the
// true cause, and what to do. And what a machine that refuses something does to the counts.

import Foundation
import Testing

@testable import MartletTool

@Suite struct FirstRunTests {
  /// Runs the script with nothing on PATH but a folder of programs: those named from this machine, and scripts of ours.
  func run(_ scripts: [String: String]) throws -> (status: Int32, text: String) {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
    let folder = NSTemporaryDirectory() + "/martlet-first-\(UUID().uuidString)"
    try Places.makeFolder(folder + "/bin")
    try Places.makeFolder(folder + "/tree")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for file in ["martlet", ".swift-version"] {
      try FileManager.default.copyItem(atPath: root + "/" + file, toPath: folder + "/tree/" + file)
    }
    let real = ["bash", "sh", "cat", "dirname", "readlink", "sed", "sort", "tr", "head", "mktemp", "rm", "env", "grep"]
    for program in real {
      let path = try Shell.run(["sh", "-c", "command -v \(program)"]).trimmingCharacters(in: .whitespacesAndNewlines)
      try FileManager.default.createSymbolicLink(atPath: folder + "/bin/" + program, withDestinationPath: path)
    }
    for (name, text) in scripts {
      try Places.write(Data(("#!/bin/sh\n" + text + "\n").utf8), to: folder + "/bin/" + name)
      try Shell.run(["chmod", "+x", folder + "/bin/" + name])
    }
    return try Shell.result(
      [folder + "/bin/bash", folder + "/tree/martlet", "help"], environment: ["PATH": folder + "/bin"])
  }

  /// A Debian on which everything is installed, and a toolchain that works.
  let healthy = [
    "dpkg-query": "printf installed", "apt-get": "exit 100", "id": "echo 1000",
    "swift": #"case "$1" in --version) echo "Swift version 6.3.1 (swift-6.3.1-RELEASE)" ;; *) exit 0 ;; esac"#,
    "ldd": "echo 'libc.so.6 => /lib/libc.so.6'",
  ]

  @Test func withoutRootAndSudoItSaysWhatRootHasToDo() throws {
    let (status, text) = try run(healthy.merging(["dpkg-query": #"[ "$4" = libncurses6 ] || printf installed"#]) { $1 })
    #expect(status == 1)
    #expect(text.contains("only root can install them, and there is no sudo here"))
    #expect(text.hasSuffix("apt-get update && apt-get install --no-install-recommends libncurses6\n"))
  }

  @Test func aLibraryThatTheToolchainMissesIsNamed() throws {
    let (status, text) = try run(healthy.merging(["ldd": "echo '\tlibncurses.so.6 => not found'"]) { $1 })
    #expect(status == 1)
    #expect(text.contains("needs libraries that this system has not: libncurses.so.6"))
    #expect(!text.contains("version"))
  }

  @Test func whatAptGetSaysIsShownWithTheCommand() throws {
    let (status, text) = try run(
      healthy.merging([
        "dpkg-query": "exit 1", "id": "echo 0", "apt-get": "echo 'E: no network' >&2; exit 100",
      ]) { $1 })
    #expect(status == 1)
    #expect(text.contains("E: no network") && text.contains("apt-get could not install g++"))
  }

  @Test func aFailedBuildDoesNotBlameTheVersion() throws {
    let swift =
      #"case "$1" in --version) echo "Swift version 6.3.1" ;; *) echo "x.swift: error: broken"; exit 1 ;; esac"#
    let (status, text) = try run(healthy.merging(["swift": swift]) { $1 })
    #expect(status == 1)
    #expect(text.contains("x.swift: error: broken") && text.contains("what the compiler says stands above"))
    #expect(!text.contains("6.3.1"))
  }

  @Test func anotherVersionIsSaid() throws {
    let swift = #"case "$1" in --version) echo "Swift version 5.9" ;; *) exit 1 ;; esac"#
    let (_, text) = try run(healthy.merging(["swift": swift]) { $1 })
    #expect(text.contains("this is Swift 5.9, and Martlet is made with 6.3.1"))
  }

  @Test func whatIsRefusedIsSkippedAndCountedSo() {
    var tally = TestTally()
    tally.add(passed: 3)
    #expect(tally.summary == "3 passed, 0 failed")
    tally.skip("made-up (as part of a test)", because: "this machine does not let root unshare")
    #expect(tally.summary == "3 passed, 0 failed, 1 skipped")
    #expect(tally.conclude() == 0)
    #expect(ToolError.refused("x").isRefusal && !ToolError.failed("x").isRefusal)
  }
}
