// SPDX-License-Identifier: Apache-2.0
//
// The boots that must fail well: one clear line that says what is wrong and what to do, then a halt or a reboot as
// `noreboot` says, never a triple fault.

extension BootScenario {
  /// What every failed boot's one line starts with.
  static let failureMark = "Martlet cannot go on:"

  static let failures =
    [
      failure("fail-no-module", because: "no module") { $0.kernel = .missing },
      failure("fail-not-a-kernel", because: "not a kernel") { $0.kernel = .text },
      failure("fail-truncated", because: "truncated") { $0.kernel = .truncated },
      failure("fail-corrupt", because: "corrupt") { $0.kernel = .corrupt },
      failure("fail-no-notes", because: "no Xen notes") { $0.kernel = .withoutNotes },
      failure("fail-too-little-memory", because: "memory") { $0.memory = 48 },
      failure("fail-impossible-option", because: "dom0_mem") { $0.hypervisorOptions = "dom0_mem=64T" },
    ] + [
      BootScenario("fail-then-reboot") {
        $0.kernel = .text
        $0.onlyMartlet = true
        $0.expected = [failureMark]
        $0.forbidden = ["MARTLET-SHELL"]
      }
    ]

  private static func failure(
    _ name: String, because reason: String, change: (inout BootScenario) -> Void
  ) -> BootScenario {
    BootScenario(name) {
      $0.onlyMartlet = true
      $0.hypervisorOptions = "noreboot"
      $0.expected = [failureMark, reason]
      $0.forbidden = ["MARTLET-SHELL"]
      $0.ending = .machineStays
      change(&$0)
      if !$0.hypervisorOptions.contains("noreboot") { $0.hypervisorOptions += " noreboot" }
    }
  }
}
