// SPDX-License-Identifier: Apache-2.0
//
// One QEMU run under watch: its serial output is read as it comes, text is typed when its moment is there, and the run
// ends as soon as its outcome is known, or it no longer gets on.

import BootScenarios
import Foundation

/// What has to happen in a run.
struct MachineExpectation {
  /// Texts that must come, in this order unless `anyOrder`.
  var expected: [String] = []
  var anyOrder = false
  /// Texts that must not come.
  var forbidden: [String] = []
  var typing: [Typing] = []
  var ending = BootEnding.machineStops
  /// Whether a triple fault is no failure.
  var mayTripleFault = false
  /// Whether one has to come.
  var mustTripleFault = false
  /// Seconds of the machine's own time without a step, on a usual host: then it stands still (Progress.swift). The longest
  /// silence of a healthy one is a tenth of this.
  var standstill = usualStandstill
  static let usualStandstill = 300.0
  /// A last look at what the run left behind; returns what is wrong.
  var afterwards: () -> String? = { nil }
}

final class MachineRun {
  /// What no run may show, unless it is expected: signs of a dead hypervisor or kernel.
  static let alwaysForbidden = ["Panic on CPU", "Triple fault", "double fault", "Kernel panic", "MARTLET PANIC"]
  /// How long the machine must stay silent before it counts as staying as it is. Seconds.
  static let silence = 3.0
  /// How long a failing run may go on, so that its log tells the rest. Seconds.
  static let grace = 2.0

  let name: String
  private let line: QEMULine
  private let expectation: MachineExpectation
  private let log: String
  private let resetLog: String
  private var child: ChildProcess?
  private var reader: FileHandle?
  private var started = Date()
  private var lastOutput = Date()
  private var progress: Progress
  private var times: ProcessTimes?
  private var looked = Date()
  private var computed = 0.0
  private var text = ""
  private var searchedFrom = 0
  private var expectedSeen = 0
  private var typed = 0
  private var failure: (reason: String, at: Date)?

  /// The words to start; QEMU with the line's, unless a test of this class has others.
  private let command: [String]?

  init(
    _ name: String, _ line: QEMULine, _ expectation: MachineExpectation, command: [String]? = nil,
    logs: String = Places.testLogs
  ) {
    self.name = name
    self.line = line
    self.expectation = expectation
    self.command = command
    progress = Progress(limit: expectation.standstill)
    log = logs + "/" + name + ".log"
    resetLog = logs + "/" + name + ".qemu.log"
  }

  /// Starts QEMU.
  func start() throws {
    try? FileManager.default.removeItem(atPath: resetLog)
    let words = try command ?? line.arguments() + ["-d", "cpu_reset", "-D", resetLog]
    started = Date()
    lastOutput = started
    child = try ChildProcess(words, input: .pipe, output: .file(log), diesWithUs: true)
    reader = FileHandle(forReadingAtPath: log)
    if let child { times = ProcessTimes(of: child.identifier) }
  }

  /// Looks at what has happened since; returns the outcome once the run is over.
  func poll() -> TestOutcome? {
    guard let child else { return nil }
    let status = child.poll()
    read()
    let now = Date()
    if now.timeIntervalSince(looked) >= 0.25 { account(at: now) }
    if let status { return finish(ended(status)) }
    if let failure {
      if now.timeIntervalSince(failure.at) >= Self.grace { return stop(failure.reason) }
    } else if let mark = forbiddenMark() {
      failure = ("it showed: \(mark)", now)
    } else if let verdict = progress.verdict {
      return stop("\(verdict); waiting for: \(waitingFor)")
    }
    if failure == nil && expectedSeen == expectation.expected.count {
      switch expectation.ending {
      case .machineStops: break
      case .enoughSeen: return stop(nil)
      case .machineStays: if now.timeIntervalSince(lastOutput) >= Self.silence { return stop(nil) }
      }
    }
    return nil
  }

  private func account(at now: Date) {
    guard let passed = times?.sinceLast() else { return }
    looked = now
    progress.passed(passed.wall, waiting: passed.waiting, computing: passed.computing)
    computed += passed.computing
  }

  private var waitingFor: String {
    expectedSeen < expectation.expected.count ? "'\(expectation.expected[expectedSeen])'" : "the machine to stop"
  }

  private func read() {
    // One that prints without end must not take us with it.
    progress.output = FileSize.of(log)
    guard progress.output <= Progress.mostOutput, let data = try? reader?.readToEnd(), !data.isEmpty else { return }
    lastOutput = Date()
    let new = LogTail.plain(String(decoding: data, as: UTF8.self))
    text += new
    progress.printed(new)
    while expectedSeen < expectation.expected.count,
      let found = range(of: expectation.expected[expectedSeen], from: searchedFrom)
    {
      searchedFrom = expectation.anyOrder ? 0 : found.upperBound
      expectedSeen += 1
      progress.step()
    }
    while typed < expectation.typing.count, text.contains(expectation.typing[typed].after) {
      child?.type(expectation.typing[typed].text)
      typed += 1
      progress.step()
    }
  }

  /// Where `part` is in the text, in UTF-8 offsets at or after `start`.
  private func range(of part: String, from start: Int) -> Range<Int>? {
    let view = text.utf8
    let from = view.index(view.startIndex, offsetBy: start)
    guard let found = text.range(of: part, range: from..<text.endIndex) else { return nil }
    let lower = view.distance(from: view.startIndex, to: found.lowerBound)
    return lower..<(lower + part.utf8.count)
  }

  private func forbiddenMark() -> String? {
    let marks = Self.alwaysForbidden.filter { mark in !expectation.expected.contains { $0.contains(mark) } }
    let mark = (marks + expectation.forbidden).first { text.contains($0) }
    if let mark { return text.split(separator: "\n").first { $0.contains(mark) }.map(String.init) ?? mark }
    return text.split(separator: "\n").first { $0.hasPrefix("MARTLET-TEST") && $0.contains(": FAIL") }.map(String.init)
  }

  /// QEMU has ended by itself: was that right?
  private func ended(_ status: Int32) -> String? {
    if let mark = forbiddenMark() { return "it showed: \(mark)" }
    if status != 0 { return "QEMU ended with status \(status)" }
    if expectedSeen < expectation.expected.count { return "the machine stopped before \(waitingFor)" }
    return expectation.ending == .machineStays ? "the machine stopped, and was to stay" : nil
  }

  private func stop(_ reason: String?) -> TestOutcome {
    account(at: Date())
    child?.kill()
    return finish(reason)
  }

  /// Whether QEMU's log of resets has a triple fault outside the firmware. SeaBIOS, when it finds that it has run before,
  /// resets the machine once more, and by a triple fault if the chip set's reset does not come at once.
  static func hasTripleFault(_ resets: String) -> Bool {
    resets.components(separatedBy: "Triple fault").dropFirst().contains { after in
      guard let mark = after.range(of: "EIP=") ?? after.range(of: "RIP="),
        let place = UInt64(after[mark.upperBound...].prefix { $0.isHexDigit }, radix: 16)
      else { return true }
      return after[mark].hasPrefix("R") || !(0xe_0000...0xf_ffff).contains(place)
    }
  }

  private func finish(_ reason: String?) -> TestOutcome {
    var reason = reason
    let resets = String(decoding: FileManager.default.contents(atPath: resetLog) ?? Data(), as: UTF8.self)
    let hasTripleFault = Self.hasTripleFault(resets)
    if hasTripleFault, !expectation.mayTripleFault, !expectation.mustTripleFault {
      reason = "triple fault" + (reason.map { "; " + $0 } ?? "")
    }
    if !hasTripleFault, expectation.mustTripleFault { reason = reason ?? "no triple fault" }
    reason = reason ?? expectation.afterwards()
    let seconds = Date().timeIntervalSince(started)
    guard let reason else { return TestOutcome(name: name, failure: nil, seconds: seconds, computed: computed) }
    let command = (try? line.shellText()) ?? ""
    return TestOutcome(
      name: name, failure: reason, seconds: seconds, computed: computed,
      details: LogTail.of(log) + "\n  to repeat: " + command)
  }
}
