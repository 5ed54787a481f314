// SPDX-License-Identifier: Apache-2.0
//
// What counts as getting on, and what a slow host makes of the limits.

import Foundation
import Testing

@testable import MartletTool

@Suite struct ProgressTests {
  @Test func timeWithoutAStepAddsUpAndAStepEndsIt() {
    var progress = Progress(limit: 10)
    progress.passed(9, waiting: 0, computing: 9)
    #expect(progress.verdict == nil)
    progress.printed("a new line\n")
    progress.passed(9, waiting: 0, computing: 0)
    #expect(progress.verdict == nil)
    progress.passed(1, waiting: 0, computing: 0.5)
    #expect(
      progress.verdict == "it has stood still for 10 s, in which it computed for 0.5 s; its last line is 'a new line'")
    progress.step()
    #expect(progress.verdict == nil)
  }

  @Test func waitingForACPUIsNoTimeOfOnesOwn() {
    var progress = Progress(limit: 10)
    for _ in 0..<100 { progress.passed(1, waiting: 0.95, computing: 0.05) }
    #expect(progress.verdict == nil)
    for _ in 0..<100 { progress.passed(1, waiting: 0.95, computing: 0.05) }
    #expect(progress.verdict != nil)
  }

  @Test func onlyLinesOfANewShapeCount() {
    #expect(Progress.shape(of: "[  12.5] cpu0: rip ffff8280a0") == Progress.shape(of: "[ 913.75] cpu17: rip 0"))
    #expect(Progress.shape(of: "one two") != Progress.shape(of: "one three"))
    var progress = Progress(limit: 10)
    for beat in 0..<20 {
      progress.passed(1, waiting: 0, computing: 0)
      progress.printed("BEAT \(beat)\r\n")
    }
    #expect(progress.verdict != nil)
  }

  @Test func aLineThatComesInPiecesIsOneLine() {
    var progress = Progress(limit: 10)
    progress.printed("first\n")
    progress.passed(9, waiting: 0, computing: 0)
    for piece in ["fi", "rst", "\n"] { progress.printed(piece) }
    progress.passed(1, waiting: 0, computing: 0)
    #expect(progress.verdict != nil)
    progress.printed("sec")
    #expect(progress.verdict != nil)
    progress.printed("ond\nthi")
    #expect(progress.verdict == nil)
  }

  @Test func flowsCountTheirOwnLinesUpToABound() {
    var progress = Progress(limit: 10)
    for cycle in 0..<200 {
      progress.passed(9, waiting: 0, computing: 0)
      progress.printed("MARTLET-FLOW x cycle \(cycle)\n")
      #expect(progress.verdict == nil)
    }
    for cycle in 0...Progress.mostFlowLines { progress.printed("MARTLET-FLOW x cycle \(cycle)\n") }
    #expect(progress.verdict?.contains("came to no end") == true)
  }

  @Test func aSlowHostGetsLongerAndAFastOneTheSame() {
    #expect(HostSpeed.slowness(of: HostSpeed.usual / 4) == 1)
    #expect(abs(HostSpeed.slowness(of: HostSpeed.usual * 3) - 3) < 0.001)
    #expect(HostSpeed.slowness(of: 1e9) == HostSpeed.most)
    #expect(XLRuns.patienceWord(1) == "patience=1" && XLRuns.patienceWord(1.2) == "patience=2")
  }

  @Test func aPersonIsToldHowLongTheStartTakesHere() {
    var setup = Domain0Setup(kernel: "", initrd: "", words: [])
    setup.usualStart = 36
    #expect(setup.startText(accelerator: "tcg", slowness: 1).contains("this CPU is emulated"))
    #expect(setup.startText(accelerator: "tcg", slowness: 1).contains("some 40 seconds here"))
    #expect(setup.startText(accelerator: "kvm", slowness: 5).contains("some 3 minutes here"))
  }

  @Test func aProcessIsAccountedWithItsChildren() throws {
    let child = try ChildProcess(["sh", "-c", "sh -c 'while :; do :; done' & wait"], diesWithUs: true)
    var times = ProcessTimes(of: child.identifier, withChildren: true)
    var alone = ProcessTimes(of: child.identifier)
    var computing = 0.0
    var tries = 0
    while computing < 0.2, tries < 600 {
      Thread.sleep(forTimeInterval: 0.1)
      let passed = times.sinceLast()
      #expect(passed.waiting <= passed.wall)
      computing += passed.computing
      tries += 1
    }
    #expect(computing >= 0.2)
    #expect(alone.sinceLast().computing < 0.2)
    let family = ProcessTimes.family(of: child.identifier)
    #expect(family.first == child.identifier && family.count == 2)
    for process in family.dropFirst() { kill(process, SIGKILL) }
    child.kill()
  }

  @Test func hungHostTestsAreEndedWithAllTheyStarted() throws {
    let log = NSTemporaryDirectory() + "/martlet-hung-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: log) }
    let script = "echo '◇ Test forever() started.'; sleep 300 & echo $!; wait"
    let child = try ChildProcess(["sh", "-c", script], output: .file(log), diesWithUs: true)
    let (_, hung) = HostTests.wait(for: child, log: log, standstill: 1)
    #expect(hung?.hasPrefix("it has stood still") == true)
    let text = try String(contentsOfFile: log, encoding: .utf8)
    let grandchild = try #require(text.split(separator: "\n").last.flatMap { pid_t($0) })
    // It is nobody's child now; whoever takes it in may take a moment to.
    var tries = 0
    while kill(grandchild, 0) == 0, ProcessTests.isAlive(grandchild), tries < 100 {
      Thread.sleep(forTimeInterval: 0.05)
      tries += 1
    }
    #expect(tries < 100)
    let report = HostTestReport(text)
    #expect(report.failed == ["forever()"] && report.reason(of: "forever()", hung: hung) == hung)
  }
}

enum ProcessTests {
  /// Whether a process is there and no zombie.
  static func isAlive(_ process: pid_t) -> Bool {
    guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
    return stat.split(separator: ")").last?.split(separator: " ").first != "Z"
  }
}
