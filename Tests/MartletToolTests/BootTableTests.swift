// SPDX-License-Identifier: Apache-2.0
//
// The table of boots: what it names exists, and the promised machines are all in it.

import BootScenarios
import Foundation
import Testing

@testable import MartletTool

@Suite struct BootTableTests {
  /// The repository, from this file's place in it.
  let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..").standardized
    .path

  @Test func namesAreUnique() {
    #expect(Set(BootScenario.all.map(\.name)).count == BootScenario.all.count)
  }

  @Test(arguments: BootScenario.all.compactMap(\.scenario))
  func scenariosExist(_ scenario: String) {
    #expect(Places.exists(root + "/Integration/scenarios/\(scenario).sh"))
  }

  @Test(arguments: XLFlow.all.map(\.script))
  func flowsExist(_ script: String) {
    #expect(Places.exists(root + "/Integration/domain0-fast/scenarios/\(script).sh"))
  }

  @Test func everyBootExpectsSomething() {
    for boot in BootScenario.all { #expect(!boot.allExpected.isEmpty, "\(boot.name) cannot fail") }
  }

  @Test func thePromisedMachinesAreThere() {
    let good = BootScenario.all.filter { $0.scenario != nil }
    #expect(Set(good.map(\.memory)).isSuperset(of: [256, 1024, 8192]))
    #expect(Set(good.map(\.cpus)).isSuperset(of: [1, 2, 4]))
    #expect(Set(good.map(\.cpuModel)).isSuperset(of: ["qemu64", "Haswell-noTSX", "EPYC", "max,-la57,-smap"]))
    #expect(Set(good.map(\.machine)) == ["pc", "q35"])
    #expect(Set(good.map(\.loader)) == [.qemu, .grubMultiboot, .grubMultiboot2])
    #expect(good.contains { $0.disk })
  }
}
