// SPDX-License-Identifier: Apache-2.0
//
// The Domain 0 of a plain `./martlet run`, booted as a person would: a whole Debian that starts two Debian guests, which
// must then be seen to run, each on its console and on the network.

import BootScenarios
import Foundation

enum DebianRuns {
  static let name = "debian-two-guests"

  static func prepare(on choice: HypervisorChoice, patience: Double) throws -> [MachineRun] {
    let setup = try Domain0Setup.debian(GuestsWanted(count: 2, memory: 256), keepsChanges: false)
    var line = QEMULine()
    line.hypervisor = try choice.ensure()
    setup.apply(to: &line, hypervisorOptions: [BootRuns.hypervisorOptions])
    line.playsOnOneThread = true
    return [MachineRun(name, line, expectation(patience: patience))]
  }

  /// Typed in pieces of some thirty letters: a serial port has no more room than that for what comes faster than it is read.
  static func expectation(patience: Double) -> MachineExpectation {
    let prompt = "root@domain0:~#"
    let steps = [
      (after: prompt, text: "ping -c 3 guest1 && echo ONE-''OK\n"),
      (after: "ONE-OK", text: "ping -c 3 guest2 && echo TWO-''OK\n"),
      // A guest answers on the network before it has somebody log in.
      (after: "TWO-OK", text: "L=/var/log/xen/console\n"),
      (after: "L=/var/log/xen/console", text: "w(){ until grep auto $L/*$1.*\n"),
      (after: "w(){ until grep auto", text: "do sleep 1;done;}\n"),
      (after: "do sleep 1;done;}", text: "w 1\n"),
      (after: "guest1 login: root (automatic login)", text: "w 2\n"),
      (after: "guest2 login: root (automatic login)", text: "poweroff\n"),
    ]
    var expectation = MachineExpectation()
    expectation.typing = steps.map { Typing(after: $0.after, text: $0.text) }
    expectation.expected = ["This is Domain 0: Debian GNU/Linux 12"] + steps.map(\.after) + ["reboot: Power down"]
    expectation.forbidden = ["was not created", "does not answer"]
    // systemd says nothing of its own while it starts.
    expectation.standstill = 900 * patience
    return expectation
  }
}
