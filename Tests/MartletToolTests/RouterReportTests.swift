// SPDX-License-Identifier: Apache-2.0
//
// What is made of router-test's lines.

import Testing

@testable import MartletTool

@Suite struct RouterReportTests {
  @Test func linesAreCounted() {
    let report = RouterReport(
      """
      PASS online: status
      FAIL spoof: own address: 'frame card7 wire pass' ended with 1: 0 of 1 passed
      PASS no table is left
      2 passed, 1 failed
      log: more
      """)
    #expect(report.passed == 2)
    #expect(report.failed.map(\.name) == ["spoof: own address"])
    #expect(report.failed.first?.reason == "'frame card7 wire pass' ended with 1: 0 of 1 passed")
    #expect(report.isWhole)
    #expect(report.skipped == nil)
  }

  /// A script that dies half-way, or says other numbers than its lines, must not pass for a whole run.
  @Test(arguments: ["PASS a\n", "", "0 passed, 0 failed\n", "PASS a\n2 passed, 0 failed\n"])
  func anEndIsNeeded(_ text: String) {
    #expect(!RouterReport(text).isWhole)
  }

  @Test func skippedHasAReason() {
    #expect(RouterReport("SKIP Operation not permitted\n").skipped == "Operation not permitted")
  }
}
