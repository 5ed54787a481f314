// SPDX-License-Identifier: Apache-2.0
//
// The judge of boots, with a shell script in QEMU's place: what must pass passes, and what must fail fails.

import BootScenarios
import Foundation
import Testing

@testable import MartletTool

@Suite struct MachineRunTests {
  @Test func firmwareMayResetAsItLikes() {
    #expect(!MachineRun.hasTripleFault("CPU Reset (CPU 0)\nEIP=00000000 EFL=0\n"))
    #expect(!MachineRun.hasTripleFault("Triple fault\nCPU Reset (CPU 0)\nEAX=6 EBX=0\nEIP=000efaad EFL=46\n"))
    #expect(MachineRun.hasTripleFault("Triple fault\nCPU Reset (CPU 0)\nEIP=00101234 EFL=46\n"))
    #expect(MachineRun.hasTripleFault("Triple fault\nCPU Reset (CPU 0)\nRIP=ffff828000102640 EFL=46\n"))
    #expect(MachineRun.hasTripleFault("Triple fault\nEIP=000efaad EFL=46\nTriple fault\nRIP=ffff828000102640\n"))
    #expect(MachineRun.hasTripleFault("Triple fault\n"))
  }

  /// Runs a script under an expectation and returns why it failed, nil if it passed. `$0` is the folder of the logs.
  func outcome(_ script: String, _ change: (inout MachineExpectation) -> Void) throws -> String? {
    let logs = NSTemporaryDirectory() + "/martlet-tests-\(UUID().uuidString)"
    try Places.makeFolder(logs)
    defer { try? FileManager.default.removeItem(atPath: logs) }
    var expectation = MachineExpectation()
    expectation.timeout = 20
    change(&expectation)
    let run = MachineRun("run", QEMULine(), expectation, command: ["sh", "-c", script, logs], logs: logs)
    try run.start()
    while true {
      if let outcome = run.poll() { return outcome.failure }
      Thread.sleep(forTimeInterval: 0.01)
    }
  }

  @Test func expectedTextsInOrderPass() throws {
    #expect(try outcome("echo one; echo two") { $0.expected = ["one", "two"] } == nil)
    #expect(try outcome("echo two; echo one") { $0.expected = ["one", "two"] } != nil)
    #expect(
      try outcome("echo two; echo one") {
        $0.expected = ["one", "two"]
        $0.anyOrder = true
      } == nil)
    #expect(try outcome("echo one") { $0.expected = ["one", "one"] } != nil)
  }

  @Test func forbiddenTextsFail() throws {
    #expect(
      try outcome("echo one; echo bad") {
        $0.expected = ["one"]
        $0.forbidden = ["bad"]
      } != nil)
    #expect(try outcome("echo one; echo '(XEN) Panic on CPU 0'") { $0.expected = ["one"] } != nil)
    #expect(try outcome("echo 'MARTLET-TEST x: FAIL why'; echo one") { $0.expected = ["one"] } != nil)
    #expect(try outcome("echo 'Kernel panic - wanted'") { $0.expected = ["Kernel panic - wanted"] } == nil)
  }

  @Test func theEndingIsJudged() throws {
    #expect(try outcome("echo one; exit 3") { $0.expected = ["one"] } == "QEMU ended with status 3")
    #expect(
      try outcome("echo one") {
        $0.expected = ["one"]
        $0.ending = .machineStays
      } != nil)
    #expect(
      try outcome("echo one; exec sleep 30") {
        $0.expected = ["one"]
        $0.ending = .machineStays
      } == nil)
    #expect(
      try outcome("echo one; exec sleep 30") {
        $0.expected = ["one"]
        $0.ending = .enoughSeen
      } == nil)
    #expect(
      try outcome("echo one; exec sleep 30") {
        $0.expected = ["one"]
        $0.timeout = 1
      } != nil)
  }

  @Test func aStoppedRunLeavesNoProcessBehind() throws {
    let logs = NSTemporaryDirectory() + "/martlet-tests-\(UUID().uuidString)"
    try Places.makeFolder(logs)
    defer { try? FileManager.default.removeItem(atPath: logs) }
    var expectation = MachineExpectation()
    expectation.expected = ["one"]
    expectation.ending = .enoughSeen
    let script = "echo $$ >$0/pid; echo one; exec sleep 300"
    let run = MachineRun("run", QEMULine(), expectation, command: ["sh", "-c", script, logs], logs: logs)
    try run.start()
    while run.poll() == nil { Thread.sleep(forTimeInterval: 0.01) }
    let text = try String(contentsOfFile: logs + "/pid", encoding: .utf8)
    let identifier = try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect(kill(identifier, 0) == -1 && errno == ESRCH)
  }

  @Test func textIsTypedAtItsMoment() throws {
    let failure = try outcome("echo ready; read line; echo \"heard $line\"") {
      $0.typing = [Typing(after: "ready", text: "hello\n")]
      $0.expected = ["ready", "heard hello"]
    }
    #expect(failure == nil)
  }

  @Test func aTripleFaultFailsAndAfterwardsIsAsked() throws {
    let fault = "echo one; echo 'Triple fault' >$0/run.qemu.log"
    #expect(try outcome(fault) { $0.expected = ["one"] } == "triple fault")
    #expect(
      try outcome(fault) {
        $0.expected = ["one"]
        $0.mayTripleFault = true
      } == nil)
    #expect(
      try outcome("echo one") {
        $0.expected = ["one"]
        $0.afterwards = { "left wrong" }
      } == "left wrong")
  }
}
