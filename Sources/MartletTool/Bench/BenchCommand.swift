// SPDX-License-Identifier: Apache-2.0
//
// `./martlet bench`: how long Domain 0 takes to its shell, and what basic operations cost in it, on Martlet and on Debian's
// Xen side by side.

import Foundation

enum BenchCommand {
  static let table = OptionTable(
    verb: "bench",
    summary: """
      Measures Martlet beside Debian's Xen 4.17 in QEMU: the boot to Domain 0's shell in wall time
      (medians of alternating runs), and the cost of basic operations in instructions (-icount
      shift=0). Prints a table and writes build/bench.json.
      """,
    options: [
      Option("--rounds", "N", "boots of each hypervisor, and guests created (default 5)"),
      Option(
        "--part", "NAME",
        "only boot, costs, create (xl create to the guest's first line), isolation (what bad\nneighbours take), or "
          + "clocks (the counter's rate as found by boot after boot beside busy loops; not in\nthe default)"),
      Option("--boots", "N", "boots of each hypervisor for clocks (default 20)"),
      Option("--patience", "N", "let machines stand still N times as long before they count as hung (default 1)"),
      Option("--hypervisor", "WHICH", "measure another one instead of Martlet:\n\(HypervisorChoice.help)"),
    ])

  static func main(_ arguments: [String]) throws -> Int32 {
    guard let values = try table.parse(arguments) else { return 0 }
    let rounds = try values.integer("--rounds", 5, in: 1...100)
    let part = try values.choice("--part", "all", of: ["all", "boot", "costs", "create", "isolation", "clocks"])
    let boots = try values.integer("--boots", 20, in: 1...1000)
    let patience = Double(try values.integer("--patience", 1, in: 1...100)) * HostSpeed.slowness
    let choice = HypervisorChoice(values.string("--hypervisor") ?? "martlet")

    func wants(_ name: String) -> Bool { part == "all" || part == name }
    try DebianPackages.ensure([.machine, .staticPrograms])
    let kernel = try DebianKernel.ensure()
    let subjects = BenchSubjects(
      ours: try choice.ensure(), xen: try DebianXen.ensure(), kernel: kernel.image,
      initramfs: try Initramfs.build(kernel: kernel))
    try Places.makeFolder(Places.testLogs)

    var report = BenchReport()
    if wants("boot") { report.boots = try BootTimes.measure(subjects, rounds: rounds) }
    if wants("costs") { report.costs = try InstructionCosts.measure(subjects) }
    if wants("create") {
      report.flows.append(
        try FlowMeasures.run(
          "xl-create-time", hypervisors: (choice, .xen), settings: ["times=\(rounds)"], patience: patience))
    }
    if wants("isolation") {
      report.flows.append(
        try FlowMeasures.run(
          "xl-isolation", hypervisors: (choice, .xen), settings: [], patience: patience))
    }
    if part == "clocks" { report.clocks = try ClockRates.measure(subjects, boots: boots) }
    Report.line(report.text)
    try Places.write(try report.json(), to: Places.build + "/bench.json")
    Report.step("written to \(Places.build)/bench.json")
    return report.clocks.map { $0.spread <= ClockRates.limit ? 0 : 1 } ?? 0
  }
}

/// What is measured: two hypervisors under one Domain 0.
struct BenchSubjects {
  let ours: String
  let xen: String
  let kernel: String
  let initramfs: String

  /// A QEMU line that boots a scenario.
  func line(hypervisor: String, options: String, scenario: String) -> QEMULine {
    var line = QEMULine()
    line.hypervisor = hypervisor
    line.hypervisorOptions = "com1=115200,8n1 console=com1 loglvl=warning" + (options.isEmpty ? "" : " " + options)
    line.medium = .multiboot(modules: [
      BootModule(path: kernel, commandLine: "console=hvc0 quiet martlet.test=" + scenario), BootModule(path: initramfs),
    ])
    return line
  }

  /// The same kernel on the bare machine.
  func nativeLine(scenario: String) -> QEMULine {
    var line = QEMULine()
    line.medium = .linux(
      kernel: kernel, initrd: initramfs, commandLine: "console=ttyS0 quiet martlet.test=" + scenario)
    return line
  }
}
