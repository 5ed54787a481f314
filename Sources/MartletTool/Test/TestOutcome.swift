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
  /// More to read about a failure: the end of a log, how to repeat it.
  var details = ""
}

/// Counts and tells outcomes.
struct TestTally {
  private(set) var passed = 0
  private(set) var failed = 0
  private var failures: [TestOutcome] = []

  /// Counts one outcome and says it at once.
  mutating func add(_ outcome: TestOutcome) {
    let time = outcome.seconds.map { String(format: " (%.1f s)", $0) } ?? ""
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

  /// The end of the run: the failures by name once more, then the summary, alone on the last line.
  func conclude() -> Int32 {
    for outcome in failures { Report.line("failed: \(outcome.name): \(outcome.failure ?? "")") }
    Report.line("\(passed) passed, \(failed) failed")
    return failed == 0 && passed > 0 ? 0 : 1
  }
}
