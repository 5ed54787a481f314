// SPDX-License-Identifier: Apache-2.0
//
// GuestKit's guests: one image holds them all, its command line names the one to run, and each is a boot of its own with
// the guest as Domain 0.

import BootScenarios
import Foundation

enum GuestRuns {
  static let sources = Places.root + "/Sources/GuestTests"

  /// The names of all guests: each is a line of the list in GuestTests' sources; none while there is no such target.
  static func names() throws -> [String] {
    guard let data = FileManager.default.contents(atPath: sources + "/guests.list") else { return [] }
    return String(decoding: data, as: UTF8.self).split(separator: "\n")
      .map { $0.split(separator: "#", omittingEmptySubsequences: false)[0].trimmingCharacters(in: .whitespaces) }
      .filter { !$0.isEmpty }
  }

  static func prepare(_ names: [String], on choice: HypervisorChoice, patience: Int) throws -> [MachineRun] {
    try DebianPackages.ensure([.machine, .headers])
    try MetalBuild.guests()
    let hypervisor = try choice.ensure()
    return names.map { name in
      var line = QEMULine()
      line.memory = 512
      line.cpus = 2
      line.network = false
      line.hypervisor = hypervisor
      line.hypervisorOptions = BootRuns.hypervisorOptions
      line.medium = .multiboot(modules: [BootModule(path: Places.guests, commandLine: name)])
      var expectation = MachineExpectation()
      expectation.expected = ["GUEST \(name): PASS"]
      expectation.forbidden = ["GUEST \(name): FAIL"]
      expectation.timeout = 60 * patience
      return MachineRun("guest-" + name, line, expectation)
    }
  }
}
