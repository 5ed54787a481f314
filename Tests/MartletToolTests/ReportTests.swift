// SPDX-License-Identifier: Apache-2.0
//
// Reading what other programs print: Swift Testing, the serial port, the measuring program, the guests' sources.

import Testing

@testable import MartletTool

@Suite struct ReportTests {
  @Test func countsSwiftTestingsLines() {
    let report = HostTestReport(
      """
      [12/30] Compiling Test passed after nothing
      ◇ Test run started.
      ◇ Test good() started.
      ◇ Test "a sentence" started.
      ◇ Test many(_:) started.
      ◇ Test bad() started.
      ◇ Test dies() started.
      ✔ Test good() passed after 0.001 seconds.
      ✔ Test "a sentence" passed after 0.001 seconds.
      ✔ Test many(_:) with 12 test cases passed after 0.001 seconds.
      ➜ Test later() skipped.
      ✘ Test bad() recorded an issue at File.swift:3:5: Expectation failed: 1 == 2
      ✘ Test bad() failed after 0.002 seconds with 1 issue.
      """)
    #expect(report.passed == 3 && report.skipped == 1)
    #expect(report.failed == ["bad()", "dies()"])
    #expect(report.reason(of: "bad()").contains("1 == 2"))
    #expect(report.reason(of: "dies()").contains("died"))
  }

  /// Lines of single tests may be lost between the test process and us; the run's last line counts them all.
  @Test func aLostLineIsNoFailure() {
    let lines = """
      ◇ Test good() started.
      ◇ Test lost() started.
      ✔ Test good() passed after 0.001 seconds.

      """
    let report = HostTestReport(lines + "✔ Test run with 3 tests in 1 suite passed after 0.003 seconds.\n")
    #expect(report.passed == 3 && report.failed.isEmpty)
    let bad = HostTestReport(
      lines + "✘ Test bad() failed after 0.002 seconds with 1 issue.\n"
        + "✘ Test run with 3 tests in 1 suite failed after 0.003 seconds with 1 issue.\n")
    #expect(bad.passed == 2 && bad.failed == ["bad()"])
    #expect(HostTestReport(lines).failed == ["lost()"])
    #expect(HostTestReport(lines, hasSucceeded: true).passed == 2)
  }

  @Test func terminalCodesAreTakenOut() {
    #expect(LogTail.plain("\u{1b}c\u{1b}[?7l\u{1b}[2JSea\u{1b}[0mBIOS\r\nnext\0") == "SeaBIOS\nnext")
  }

  @Test func guestsAreFoundInTheirSources() {
    let source =
      "/// Guest(\"x\n Guest(\"trap-one\", \"proves\") { }\n  return Guest(\n    \"two\", \"more\")\n Guest(name)"
    #expect(GuestRuns.declaredNames(in: source).suffix(2) == ["trap-one", "two"])
  }

  @Test func costsAndMedians() {
    #expect(InstructionCosts.parse("COST a 12\nnoise\nCOST b x\nCOST c 7 8\nCOST d 9\n") == ["a": 12, "d": 9])
    #expect(BootTimes.median([3, 1, 2]) == 2)
    #expect(BootTimes.median([4, 1, 2, 3]) == 2.5)
  }

  @Test func aRunWithoutTestsOrWithAFailureFails() {
    #expect(TestTally().conclude() == 1)
    var tally = TestTally()
    tally.add(passed: 2)
    #expect(tally.conclude() == 0)
    tally.add(TestOutcome(name: "made to fail, as part of a test", failure: "on purpose"))
    #expect(tally.conclude() == 1)
  }
}
