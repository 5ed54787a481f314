// SPDX-License-Identifier: Apache-2.0
//
// The host tests: `swift test`, its lines counted test by test.

import Foundation

enum HostTests {
  /// Builds and runs them. A filter is passed on as a regular expression that stands for itself.
  static func run(filter: String?, patience: Double, into tally: inout TestTally) throws {
    try DebianPackages.ensure([.headers, .compressors])
    let kernels = try RealKernels.ensure()
    Report.step("building and running the host tests")
    let log = Places.testLogs + "/host-tests.log"
    var command = ["swift", "test", "--package-path", Places.root]
    if let filter { command += ["--filter", NSRegularExpression.escapedPattern(for: filter)] }
    let start = Date()
    let child = try ChildProcess(
      command, environment: [RealKernels.variable: kernels], output: .file(log), diesWithUs: true)
    let (status, hung) = wait(for: child, log: log, standstill: standstill * patience)
    let seconds = Date().timeIntervalSince(start)
    let report = HostTestReport(
      String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self), hasSucceeded: status == 0)
    tally.add(passed: report.passed)
    for name in report.failed {
      tally.add(TestOutcome(name: "host: " + name, failure: report.reason(of: name, hung: hung)))
    }
    if let hung, report.failed.isEmpty {
      tally.add(TestOutcome(name: "host tests", failure: hung, details: LogTail.of(log)))
    } else if status != 0 && report.failed.isEmpty {
      tally.add(
        TestOutcome(name: "host tests", failure: "'swift test' ended with status \(status)", details: LogTail.of(log)))
    } else if status == 0 && report.passed == 0 && filter == nil {
      tally.add(TestOutcome(name: "host tests", failure: "'swift test' ran no test", details: LogTail.of(log)))
    }
    let counts = "\(report.passed) passed, \(report.failed.count) failed, \(report.skipped) skipped"
    Report.line(String(format: "host tests: \(counts) (%.0f s)", seconds))
  }
}

extension HostTests {
  /// Seconds that the compiler or a test may be silent for; a target in one piece takes the compiler two minutes.
  static let standstill = 900.0

  /// Waits for the end, or until it stands still; then ends it with all it has started, and says so.
  static func wait(for child: ChildProcess, log: String, standstill: Double) -> (status: Int32, hung: String?) {
    var progress = Progress(limit: standstill)
    var times = ProcessTimes(of: child.identifier, withChildren: true)
    guard let reader = FileHandle(forReadingAtPath: log) else { return (child.wait(), nil) }
    while true {
      if let status = child.poll() { return (status, nil) }
      Thread.sleep(forTimeInterval: min(0.5, standstill / 4))
      progress.output = FileSize.of(log)
      if progress.verdict == nil, let data = try? reader.readToEnd(), !data.isEmpty {
        progress.printed(String(decoding: data, as: UTF8.self))
      }
      let passed = times.sinceLast()
      progress.passed(passed.wall, waiting: passed.waiting, computing: passed.computing)
      if let verdict = progress.verdict {
        for process in ProcessTimes.family(of: child.identifier).dropFirst() { Foundation.kill(process, SIGKILL) }
        child.kill()
        return (1, verdict)
      }
    }
  }
}

/// What Swift Testing said, line by line: "✔ Test name() passed after 0.001 seconds." and its like.
struct HostTestReport {
  private(set) var passed = 0
  private(set) var skipped = 0
  private(set) var failed: [String] = []
  private var issues: [String: String] = [:]

  /// `hasSucceeded`: `swift test` says that no test has failed.
  init(_ text: String, hasSucceeded: Bool = false) {
    var started: Set<String> = []
    var total: Int?
    for line in text.split(separator: "\n") {
      guard let start = line.range(of: " Test ") else { continue }
      // The part before is one symbol; anything else is a test's own output.
      guard line[..<start.lowerBound].count <= 2 else { continue }
      let rest = line[start.upperBound...]
      if rest.hasPrefix("run with ") { total = Int(rest.dropFirst("run with ".count).prefix { $0.isNumber }) ?? total }
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
    // The run has come to its end and says how many tests there were. Lines of single tests can be lost on the way here: a test
    // that failed is in the exit status, too.
    if let total {
      passed = max(passed, total - failed.count - skipped)
      return
    }
    if hasSucceeded {
      passed += started.count
      return
    }
    // A test that never ended took the whole run down with it.
    for name in started.sorted() where !failed.contains(name) {
      failed.append(name)
      issues[name] = issues[name] ?? Self.unfinished
    }
  }

  /// The first thing a failed test complained of; `hung` is why the run was cut off, if it was.
  func reason(of name: String, hung: String? = nil) -> String {
    let issue = issues[name] ?? "see build/test-logs/host-tests.log"
    return issue == Self.unfinished ? hung ?? issue : issue
  }

  private static let unfinished = "it was running when the test process died"

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
