// SPDX-License-Identifier: Apache-2.0
//
// The host tests: `swift test`, its lines counted test by test.

import Foundation

enum HostTests {
  /// Builds and runs them. A filter is passed on as a regular expression that stands for itself.
  static func run(filter: String?, into tally: inout TestTally) throws {
    try DebianPackages.ensure([.headers, .compressors])
    let kernels = try RealKernels.ensure()
    Report.step("building and running the host tests")
    let log = Places.testLogs + "/host-tests.log"
    var command = ["swift", "test", "--package-path", Places.root]
    if let filter { command += ["--filter", NSRegularExpression.escapedPattern(for: filter)] }
    let start = Date()
    let status = try ChildProcess(command, environment: [RealKernels.variable: kernels], output: .file(log)).wait()
    let seconds = Date().timeIntervalSince(start)
    let report = HostTestReport(String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self))
    tally.add(passed: report.passed)
    for name in report.failed { tally.add(TestOutcome(name: "host: " + name, failure: report.reason(of: name))) }
    if status != 0 && report.failed.isEmpty {
      tally.add(
        TestOutcome(name: "host tests", failure: "'swift test' ended with status \(status)", details: LogTail.of(log)))
    } else if status == 0 && report.passed == 0 && filter == nil {
      tally.add(TestOutcome(name: "host tests", failure: "'swift test' ran no test", details: LogTail.of(log)))
    }
    let counts = "\(report.passed) passed, \(report.failed.count) failed, \(report.skipped) skipped"
    Report.line(String(format: "host tests: \(counts) (%.0f s)", seconds))
  }
}

/// What Swift Testing said, line by line: "✔ Test name() passed after 0.001 seconds." and its like.
struct HostTestReport {
  private(set) var passed = 0
  private(set) var skipped = 0
  private(set) var failed: [String] = []
  private var issues: [String: String] = [:]

  init(_ text: String) {
    var started: Set<String> = []
    for line in text.split(separator: "\n") {
      guard let start = line.range(of: " Test ") else { continue }
      // The part before is one symbol; anything else is a test's own output.
      guard line[..<start.lowerBound].count <= 2 else { continue }
      let rest = line[start.upperBound...]
      if rest.hasPrefix("run ") || rest.hasPrefix("case ") { continue }
      if let name = Self.name(in: rest, before: " started.") { started.insert(name) }
      if let name = Self.name(in: rest, before: " passed after ") {
        passed += 1
        started.remove(name)
      } else if let name = Self.name(in: rest, before: " failed after ") {
        failed.append(name)
        started.remove(name)
      } else if let name = Self.name(in: rest, before: " skipped") {
        started.remove(name)
        skipped += 1
      } else if let name = Self.name(in: rest, before: " recorded an issue"), issues[name] == nil {
        issues[name] = String(rest.dropFirst(name.count + 1))
      }
    }
    // A test that never ended took the whole run down with it.
    for name in started.sorted() where !failed.contains(name) {
      failed.append(name)
      issues[name] = issues[name] ?? "it was running when the test process died"
    }
  }

  /// The first thing a failed test complained of.
  func reason(of name: String) -> String { issues[name] ?? "see build/test-logs/host-tests.log" }

  /// The test's name, without the note on how many cases it has.
  private static func name(in text: Substring, before mark: String) -> String? {
    guard let end = text.range(of: mark) else { return nil }
    var name = text[..<end.lowerBound]
    if let cases = name.range(of: " with ", options: .backwards),
      name.hasSuffix("test cases") || name.hasSuffix("test case")
    {
      name = name[..<cases.lowerBound]
    }
    return String(name)
  }
}
