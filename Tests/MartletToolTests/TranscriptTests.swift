// SPDX-License-Identifier: Apache-2.0
//
// The reading of a transcript from the serial port, and its page of two columns; the reading of measured values.

import Testing

@testable import MartletTool

@Suite struct TranscriptTests {
  @Test func aTranscriptIsReadPastWhatOthersWrite() {
    let text = """
      (XEN) something
      TRANSCRIPT $ xl list
      TRANSCRIPT | Name  ID
      (XEN) partTRANSCRIPT | Domain-0  0
      TRANSCRIPT = 0
      TRANSCRIPT $ xl pause 99
      TRANSCRIPT = 1
      MARTLET-TEST xl-transcript: PASS
      """
    #expect(
      TranscriptEntry.parse(text) == [
        TranscriptEntry(command: "xl list", output: ["Name  ID", "Domain-0  0"], status: "0"),
        TranscriptEntry(command: "xl pause 99", output: [], status: "1"),
      ])
  }

  @Test func outputWithoutACommandIsNoEntry() {
    #expect(TranscriptEntry.parse("TRANSCRIPT | lost\nTRANSCRIPT = 0\n").isEmpty)
  }

  @Test func linesThatDifferInNumbersAloneAreToldApart() {
    let rows = TranscriptPage.columns(["free : 100", "same", "only left"], ["free : 99", "same"])
    #expect(rows.map { $0.dropFirst(TranscriptPage.width + 1).prefix(1) } == ["~", " ", "|"])
    #expect(rows[0].hasPrefix("free : 100"))
    #expect(rows[0].hasSuffix("free : 99"))
  }

  @Test func aLineInBetweenDoesNotShiftTheRest() {
    let rows = TranscriptPage.columns(["a", "b", "c"], ["a", "x", "y", "b", "c"])
    #expect(rows.count == 5)
    #expect(rows[1].contains("| x") && rows[2].contains("| y"))
    #expect(rows[3].hasPrefix("b") && rows[3].hasSuffix("b"))
  }

  @Test func longLinesAreBroken() {
    let long = String(repeating: "x", count: TranscriptPage.width + 5)
    let rows = TranscriptPage.columns([long], [long])
    #expect(rows.count == 2)
    #expect(rows[1].hasPrefix("xxxxx "))
  }

  @Test func measuredValuesOfOneFlowAreCollected() {
    let text = """
      MARTLET-MEASURED a first 10 ms
      MARTLET-MEASURED b first 99 ms
      MARTLET-MEASURED a second 2.5 of 10000 (due 3)
      MARTLET-MEASURED a first 30 ms
      MARTLET-MEASURED a broken
      """
    let parsed = FlowMeasures.parse(text, flow: "a")
    #expect(parsed.names == ["first", "second"])
    #expect(parsed.values == ["first": [10, 30], "second": [2.5]])
    #expect(parsed.units["second"] == "of 10000 (due 3)")
  }
}
