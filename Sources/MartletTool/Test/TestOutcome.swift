// SPDX-License-Identifier: Apache-2.0
//
// What became of the tests, counted, and told as they end.

import Foundation

/// One test that has ended.
struct TestOutcome {
  let name: String
  /// Why it failed; nil when it passed.
  let failure: String?
  /// Seconds of wall time, where that was measured.
  var seconds: Double?
  /// Seconds of CPU time, where that was measured: what it costs, however busy the host is.
  var computed: Double?
  /// More to read about a failure: the end of a log, how to repeat it.
  var details = ""
}

/// Counts and tells outcomes.
struct TestTally {
  private(set) var passed = 0
  private(set) var failed = 0
  /// Those that this machine does not let us run, or that do not apply; each was told with its reason.
  private(set) var skipped = 0
  private var failures: [TestOutcome] = []

  /// Counts one outcome and says it at once.
  mutating func add(_ outcome: TestOutcome) {
    let cost = outcome.computed.map { String(format: ", %.1f of CPU", $0) } ?? ""
    let time = outcome.seconds.map { String(format: " (%.1f s\(cost))", $0) } ?? ""
    if let failure = outcome.failure {
      failed += 1
      failures.append(outcome)
      Report.line("FAIL \(outcome.name)\(time): \(failure)")
      if !outcome.details.isEmpty { Report.line(outcome.details) }
    } else {
      passed += 1
      Report.line("pass \(outcome.name)\(time)")
    }
  }

  /// Counts tests that another program ran and told.
  mutating func add(passed count: Int) { passed += count }

  /// Counts what could not be tried, and says why.
  mutating func skip(_ name: String, because reason: String) {
    skipped += 1
    Report.line("skip \(name): \(reason)")
  }

  /// The summary: the counts, that of what was skipped only where something was.
  var summary: String { "\(passed) passed, \(failed) failed" + (skipped > 0 ? ", \(skipped) skipped" : "") }

  /// The end of the run: the failures by name once more, then the summary, alone on the last line.
  func conclude() -> Int32 {
    for outcome in failures { Report.line("failed: \(outcome.name): \(outcome.failure ?? "")") }
    Report.line(summary)
    return failed == 0 && passed > 0 ? 0 : 1
  }
}
