// SPDX-License-Identifier: Apache-2.0
//
// The hypervisor's own end by a bug, provoked by its debug key 'C': what it says of it, and what is left of that after a warm
// reboot.

extension BootScenario {
  static let panics = [
    machineCheck,
    BootScenario("panic-noreboot", scenario: "keys") {
      $0.onlyMartlet = true
      $0.cpus = 2
      $0.hypervisorOptions = "noreboot dom0_max_vcpus=1"
      $0.typing = crash
      $0.expected = told + ["CPU ", ": in the ", "the machine is halted"]
      $0.forbidden = ["a panic within the panic"]
      $0.ending = .machineStays
    },
    BootScenario("panic-reboot", scenario: "keys") {
      $0.onlyMartlet = true
      $0.mayReboot = true
      $0.typing = crash
      $0.expected = told + remembered
      $0.forbidden = ["a panic within the panic"]
      $0.ending = .enoughSeen
    },
    BootScenario("panic-reboot-grub", scenario: "keys") {
      $0.onlyMartlet = true
      $0.loader = .grubMultiboot2
      $0.memory = 512
      $0.mayReboot = true
      $0.typing = crash
      $0.expected = told + remembered
      $0.forbidden = ["a panic within the panic"]
      $0.ending = .enoughSeen
    },
  ]

  /// What QEMU's monitor does to CPU 0: an uncorrected error by which the CPU itself may be damaged (valid, uncorrected, enabled,
  /// with an address, context corrupt), and a machine check (in progress, address of the instruction valid).
  static let machineCheck = BootScenario("machine-check", scenario: "keys") {
    $0.onlyMartlet = true
    $0.cpus = 2
    $0.hasMonitor = true
    $0.hypervisorOptions = "noreboot"
    $0.typing = [
      Typing(
        after: "MARTLET-TEST keys: listening", text: "\u{1c}cmce 0 1 0xb600000000000000 0x6 0x12345000 0\n")
    ]
    $0.expected = [
      "Panic on CPU 0: a machine check",
      "machine check on CPU 0: bank 1 status b600000000000000 address 0000000012345000",
      "the machine is halted",
    ]
    $0.ending = .machineStays
  }

  private static let crash = [Typing(after: "MARTLET-TEST keys: listening", text: toHypervisor + "C")]

  /// The reason, registers, the names of callers from the innermost out, the guest's registers.
  private static let told = [
    "'C' pressed", "Panic on CPU ", ": a Swift trap (bug) in DebugKeys.crash()", "rip ffff8280", "cr3 ", "call trace:",
    "DebugKeys.crash()+", "DebugKeys.press(_:)+", "ConsoleInput.run()+", "GuestExit.", "d0v0 ", "rip ",
  ]

  /// The next boot shows it again, and works.
  private static let remembered = [
    "rebooting in five seconds", "previous boot ended with a panic; its last messages:", "| (XEN) 'C' pressed",
    "| (XEN) Panic on CPU ", "DebugKeys.press(_:)+", "end of the previous boot's messages", "Martlet 4.17",
    "MARTLET-TEST keys: listening",
  ]
}
