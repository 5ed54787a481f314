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
  }

  @Test func whatStandsStillIsCutOffAndSaysWhere() throws {
    let idle = try outcome("echo one; exec sleep 30") {
      $0.expected = ["one", "two"]
      $0.standstill = 1
    }
    #expect(
      idle?.hasPrefix("it has stood still for 1 s, in which it computed for 0.0 s; its last line is 'one'") == true)
    #expect(idle?.hasSuffix("waiting for: 'two'") == true)
    // One that computes without a word stands still too, and so does one that says the same for ever.
    let busy = try outcome("echo one; while :; do :; done") {
      $0.expected = ["one", "two"]
      $0.standstill = 1
    }
    #expect(busy?.contains("it has stood still") == true && busy?.contains("computed for 0.0 s") == false)
    let babbling = try outcome("n=0; while :; do echo beat $((n += 1)); sleep 0.1; done") {
      $0.expected = ["two"]
      $0.standstill = 1
    }
    #expect(babbling?.contains("it has stood still") == true)
  }

  @Test func whatGoesOnSlowlyIsNotCutOff() throws {
    // Each word within the limit, all of them in several times the limit.
    let words = "for word in one two three four five six seven; do sleep 0.7; echo $word; done"
    let slow = try outcome(words) {
      $0.expected = ["seven"]
      $0.standstill = 2
    }
    #expect(slow == nil)
    let cycles = try outcome("for n in 1 2 3 4 5 6 7; do sleep 0.7; echo MARTLET-FLOW x cycle $n; done; echo done") {
      $0.expected = ["done"]
      $0.standstill = 2
    }
    #expect(cycles == nil)
  }

  @Test func endlessOutputIsCutOff() throws {
    let failure = try outcome(
      "i=0; while [ $i -lt 9 ]; do head -c 1048576 /dev/zero | tr '\\0' x; echo; i=$((i + 1)); done; exec sleep 30"
    ) { $0.expected = ["never"] }
    #expect(failure?.contains("came to no end") == true)
  }

  @Test func anAnnouncedEndHasToCome() throws {
    let needs = GuestNeeds.of("watchdog-fires")
    let ending = try #require(needs.ending)
    func judge(_ script: String) throws -> String? {
      try outcome(script) {
        GuestRuns.expect(ending, of: "watchdog-fires", needs, on: .martlet, in: &$0)
        $0.standstill = 2
      }
    }
    let announced = "echo 'GUEST watchdog-fires: ENDS watchdog'; "
    let running = "echo 'GUEST watchdog-fires: runs after 900 ms'; "
    let fired = "echo '(XEN) Hardware Dom0 watchdog timed out'; "
    #expect(try judge(announced + running + fired) == nil)
    // Announced, and then nothing; too early; another end; the machine stays; the guest lives on.
    #expect(try judge(announced + running + "exec sleep 30") != nil)
    #expect(try judge(announced + fired) != nil)
    #expect(try judge(announced + running + "echo '(XEN) Hardware Dom0 shutdown: rebooting machine'") != nil)
    #expect(try judge(announced + running + fired + "exec sleep 30") != nil)
    #expect(try judge(announced + running + fired + "echo 'GUEST watchdog-fires: FAIL still running'") != nil)
    #expect(try judge("echo 'GUEST watchdog-fires: PASS'; " + announced + running + fired) != nil)
  }

  /// Guests that end in their own way say so in their sources and in the table: in both or in neither.
  @Test func theTableOfEndingsIsThatOfTheSources() throws {
    let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Sources/GuestTests")
    var announced: Set<String> = []
    for file in try FileManager.default.contentsOfDirectory(atPath: sources.path) where file.hasSuffix(".swift") {
      let text = try String(contentsOf: sources.appendingPathComponent(file), encoding: .utf8)
      #expect(!text.contains("announcePass"))
      for guest in text.components(separatedBy: "Guest(").dropFirst()
      where guest.contains("announce(end:") || guest.contains("try end(SHUTDOWN_") {
        announced.formUnion(GuestRuns.declaredNames(in: "Guest(" + guest))
      }
    }
    #expect(announced.count == 6)
    let names = [
      "shutdown-poweroff", "shutdown-reboot", "shutdown-crash", "watchdog-fires", "crash-unhandled-trap",
      "crash-bad-stack",
    ]
    #expect(announced == Set(names))
    for name in names { #expect(GuestNeeds.of(name).ending != nil) }
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
