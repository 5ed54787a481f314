// SPDX-License-Identifier: Apache-2.0
//
// From the table of xl's flows in Integration/Boots to QEMU runs: the small Domain 0 with Debian's tools, whose init runs the
// flow's script.

import BootScenarios
import Foundation

enum XLRuns {
  /// The setting by which flows wait longer for what has to come (flow-common).
  static func patienceWord(_ patience: Double) -> String { "patience=\(Int(patience.rounded(.up)))" }

  /// With `concurrent` each CPU of each machine has a thread of the host's.
  static func prepare(
    _ flows: [XLFlow], on choice: HypervisorChoice, patience: Double, concurrent: Bool = false
  ) throws -> [MachineRun] {
    let plain = try XLMachine.ensure(choice)
    return try flows.map { flow in
      let machine = flow.hasDeviceModel ? try plain.withDeviceModel() : plain
      var expectation = MachineExpectation()
      expectation.expected = ["MARTLET-TEST \(flow.script): PASS", "reboot: Power down"]
      expectation.standstill *= patience
      var patient = flow
      patient.settings.append(patienceWord(patience))
      var line = try machine.line(patient)
      line.playsOnOneThread = !flow.needsConcurrency && !concurrent
      return MachineRun(flow.name, line, expectation)
    }
  }
}

/// What all flows have in common: a hypervisor, a kernel, and the Domain 0 with its guests in it.
struct XLMachine {
  let hypervisor: String
  let kernel: String
  var domain0: String

  /// Fetches and builds what is missing, GuestKit's guests among it, which go into the Domain 0.
  static func ensure(_ choice: HypervisorChoice) throws -> XLMachine {
    try DebianPackages.ensure([.machine, .headers])
    try MetalBuild.guests()
    let kernel = try DebianKernel.ensure()
    return XLMachine(
      hypervisor: try choice.ensure(), kernel: kernel.image, domain0: try FastDomain0.build(kernel: kernel))
  }

  /// The same with the device model in its Domain 0.
  func withDeviceModel() throws -> XLMachine {
    var machine = self
    machine.domain0 = try FastDomain0.build(kernel: try DebianKernel.ensure(), withDeviceModel: true)
    return machine
  }

  /// The QEMU line of a flow. Its disk, if it has one, is made anew.
  func line(_ flow: XLFlow) throws -> QEMULine {
    var line = QEMULine()
    line.cpus = flow.cpus
    line.cpuModel = flow.cpuModel ?? line.cpuModel
    line.memory = flow.memory
    line.tellsHostTime = flow.tellsHostTime
    line.hypervisor = hypervisor
    let memory = flow.domain0Memory.map { "dom0_mem=\($0)M,max:\($0)M" } ?? ""
    line.hypervisorOptions = [BootRuns.hypervisorOptions, memory, flow.hypervisorOptions].filter { !$0.isEmpty }
      .joined(separator: " ")
    let words = ["console=hvc0 quiet loglevel=4"] + (flow.settings + ["test=" + flow.script]).map { "martlet." + $0 }
    line.medium = .multiboot(modules: [
      BootModule(path: kernel, commandLine: words.joined(separator: " ")), BootModule(path: domain0),
    ])
    if flow.disk > 0 {
      let disk = try emptyDisk(Places.build + "/boots/" + flow.name + ".disk", size: flow.disk)
      line.disks.append(DiskImage(path: disk))
    }
    return line
  }

  /// A sparse file of so many MiB.
  private func emptyDisk(_ path: String, size: Int) throws -> String {
    try Places.atomically(path) { draft in try Shell.run(["truncate", "-s", "\(size)M", draft]) }
    return path
  }
}
