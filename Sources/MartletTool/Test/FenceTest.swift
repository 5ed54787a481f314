// SPDX-License-Identifier: Apache-2.0
//
// The fence: scripts/check-fence finds unsafe words where none may be, and what says nothing of its licence or purpose.
// It is a script so that it runs without a build too.

import Foundation

enum FenceTest {
  static func run() throws -> TestOutcome {
    let (status, text) = try Shell.result([Places.root + "/scripts/check-fence"])
    if status == 0 {
      if !text.isEmpty { Report.line(text.trimmingCharacters(in: .newlines)) }
      return TestOutcome(name: "fence", failure: nil)
    }
    return TestOutcome(name: "fence", failure: "something is outside the fence, or undocumented", details: text)
  }
}
