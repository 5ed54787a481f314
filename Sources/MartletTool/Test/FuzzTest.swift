// SPDX-License-Identifier: Apache-2.0
//
// A fixed number of fuzzing steps from a fixed seed, so that a test run says the same each time.

import Foundation

enum FuzzTest {
  /// Whether the repository has the fuzzer.
  static var isPresent: Bool { Places.exists(Places.root + "/Sources/MartletFuzz") }

  static func run(steps: Int, seed: Int) throws -> TestOutcome {
    let log = Places.testLogs + "/fuzz.log"
    let start = Date()
    let status = try FuzzCommand.run(steps: steps, seed: seed, output: .file(log))
    let seconds = Date().timeIntervalSince(start)
    guard status != 0 else { return TestOutcome(name: "fuzz", failure: nil, seconds: seconds) }
    return TestOutcome(
      name: "fuzz", failure: "the fuzzer ended with status \(status)", seconds: seconds,
      details: LogTail.of(log) + "\nto repeat: ./martlet fuzz --steps \(steps) --seed \(seed)")
  }
}
