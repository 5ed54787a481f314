// SPDX-License-Identifier: Apache-2.0
//
// The virtual firewall-router (docs/networking.md) without a hypervisor: Integration/router/router-test runs Domain 0's
// hotplug script on veth pairs in a network namespace of its own, beside Debian's unmodified scripts.

import Foundation

enum RouterTests {
  /// What router-test ends with on a machine that lets nobody make namespaces or tables.
  static let cannotRun: Int32 = 77

  /// Runs the case files; one outcome per check, whose names start with "router ". A filter picks case files by name, and
  /// runs all of them where it is the part's own name.
  static func run(filter: String?, into tally: inout TestTally) throws {
    let all = try FileManager.default.contentsOfDirectory(atPath: Places.root + "/Integration/router/cases")
    let part = filter.flatMap { "router".contains($0) ? nil : $0 } ?? ""
    guard part.isEmpty || all.contains(where: { $0.contains(part) }) else { return }
    try DebianPackages.ensure([.headers, .staticPrograms, .firewall])
    let stock = try DebianArchive.unpacked("xen-utils-common") + "/etc/xen/scripts"
    guard let frame = try StaticPrograms.build("domain0-programs").first(where: { $0.hasSuffix("/frame") }) else {
      throw ToolError.failed("Integration/domain0-programs has no frame.c")
    }
    Report.step("testing the virtual firewall-router")
    let folder = Places.root + "/Integration"
    try Root.requireMounts()
    let command = [folder + "/router/router-test", folder + "/domain0-common", stock, frame, part]
    let log = Places.testLogs + "/router.log"
    let status = try ChildProcess(Root.command(command), output: .file(log)).wait()
    let report = RouterReport(String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self))
    if status == cannotRun {
      throw ToolError.refused(report.skipped ?? "this machine has no network namespaces")
    }
    tally.add(passed: report.passed)
    for (name, reason) in report.failed { tally.add(TestOutcome(name: "router \(name)", failure: reason)) }
    if !report.isWhole || (status != 0) != !report.failed.isEmpty {
      tally.add(
        TestOutcome(name: "router", failure: "router-test ended with status \(status)", details: LogTail.of(log)))
    }
    Report.line("router tests: \(report.passed) passed, \(report.failed.count) failed")
  }
}

/// What router-test said, line by line: `PASS name`, `FAIL name: reason`, `SKIP reason`, and its own counts at the end.
struct RouterReport {
  private(set) var passed = 0
  private(set) var failed: [(name: String, reason: String)] = []
  private(set) var skipped: String?
  /// Whether it came to its end and counted as many as its lines tell.
  private(set) var isWhole = false

  init(_ text: String) {
    for line in text.split(separator: "\n") {
      if line.hasPrefix("PASS ") {
        passed += 1
      } else if line.hasPrefix("SKIP ") {
        skipped = String(line.dropFirst(5))
      } else if line.hasPrefix("FAIL ") {
        // Names hold colons too; what was tried stands in quotes.
        let rest = line.dropFirst(5)
        let end = rest.range(of: ": '") ?? rest.endIndex..<rest.endIndex
        failed.append((String(rest[..<end.lowerBound]), String(rest[end.lowerBound...].dropFirst(2))))
      } else if line == "\(passed) passed, \(failed.count) failed" {
        isWhole = passed + failed.count > 0
      }
    }
  }
}
