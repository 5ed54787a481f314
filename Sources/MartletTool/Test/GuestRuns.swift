// SPDX-License-Identifier: Apache-2.0
//
// GuestKit's guests: one image holds them all, its command line names the one to run, and each is a boot of its own with
// the guest as Domain 0. The contract is in Sources/GuestTests/README.md.

import BootScenarios
import Foundation

enum GuestRuns {
  static let sources = Places.root + "/Sources/GuestTests"
  /// The run that asks the image itself for its list.
  static let list = "list"

  /// The names of all guests, from their declarations (`Guest("name", "what it proves")`), and the list; none while there
  /// is no such target.
  static func names() throws -> [String] {
    guard Places.exists(sources) else { return [] }
    let files = try FileManager.default.contentsOfDirectory(atPath: sources).sorted().filter { $0.hasSuffix(".swift") }
    let names = try files.flatMap { file in
      declaredNames(in: String(decoding: try Places.read(sources + "/" + file), as: UTF8.self))
    }
    return names.isEmpty ? [] : [list] + names
  }

  /// The guests that a source file declares.
  static func declaredNames(in source: String) -> [String] {
    source.components(separatedBy: "Guest(").dropFirst().compactMap { rest in
      let text = rest.drop { $0.isWhitespace }
      guard text.first == "\"", let end = text.dropFirst().firstIndex(of: "\"") else { return nil }
      return String(text[text.index(after: text.startIndex)..<end])
    }
  }

  /// A guest that announces its end has passed once the machine has come to that end, and to no other.
  static func expect(
    _ ending: GuestEnding, of name: String, _ needs: GuestNeeds, on choice: HypervisorChoice,
    in expectation: inout MachineExpectation
  ) {
    let announced = "GUEST \(name): ENDS \(ending.rawValue)"
    expectation.expected = [announced] + needs.lastWords + ending.words(onXen: choice == .xen)
    // A reboot is no crash, and none of them is a PASS.
    let others = GuestEnding.allCases.filter {
      !ending.words(onXen: choice == .xen).contains($0.words(onXen: choice == .xen).last!)
    }
    expectation.forbidden +=
      others.compactMap { $0.words(onXen: choice == .xen).last } + ["GUEST \(name): PASS", "GUEST \(name): FAIL"]
    expectation.ending = ending.machine
    // Xen's way to restart this machine is a triple fault.
    expectation.mayTripleFault = choice == .xen
  }

  static func prepare(_ names: [String], on choice: HypervisorChoice, patience: Double) throws -> [MachineRun] {
    try DebianPackages.ensure([.machine, .headers])
    try MetalBuild.guests()
    let hypervisor = try choice.ensure()
    let all = try self.names()
    return names.map { name in
      let needs = GuestNeeds.of(name)
      var line = QEMULine()
      line.memory = 256
      line.cpus = needs.cpus
      // Here, and only here, the hypervisor runs with SMAP: QEMU's fault with it meets no GuestKit guest.
      let usesSMAP = choice == .martlet && needs.model == nil
      line.cpuModel = needs.model ?? line.cpuModel + (usesSMAP ? ",+smap" : "")
      line.network = false
      line.countsInstructions = needs.countsInstructions
      line.hypervisor = hypervisor
      line.hypervisorOptions = [
        BootRuns.hypervisorOptions, "dom0_mem=64M", usesSMAP ? "smap" : "", needs.hypervisorOptions,
      ].filter { !$0.isEmpty }.joined(separator: " ")
      line.medium = .multiboot(modules: [BootModule(path: Places.guests, commandLine: "test=" + name)])

      var expectation = MachineExpectation()
      let special = choice == .xen && !needs.expectedOnXen.isEmpty ? needs.expectedOnXen : needs.expected
      expectation.expected = special.isEmpty ? ["GUEST \(name): PASS"] : special
      // The image's list and the sources' must be the same, or a guest would go untested without a word.
      if name == list { expectation.expected = all.dropFirst().map { "GUESTS \($0) " }.sorted() + expectation.expected }
      expectation.anyOrder = name == list
      if special.isEmpty { expectation.forbidden = ["GUEST \(name): FAIL"] }
      expectation.ending = .enoughSeen
      if let ending = needs.ending { Self.expect(ending, of: name, needs, on: choice, in: &expectation) }
      expectation.standstill = 60 * patience
      return MachineRun("guest-" + name, line, expectation)
    }
  }
}
