// SPDX-License-Identifier: Apache-2.0
//
// The boots that must work: Debian's kernel as Domain 0 on every kind of machine that we promise. The longest come first,
// so that they do not trail behind the others when boots run side by side.

extension BootScenario {
  /// Every boot of `./martlet test`.
  public static let all =
    workloads + processors + memories + machines + loaders + payloads + options + endings + consoles + panics + failures

  private static let workloads = [
    BootScenario("dom0-disk-network-load", scenario: "all") {
      $0.cpus = 2
      $0.disk = true
      $0.settings = ["cpus=2", "seconds=30"]
    }
  ]

  private static let processors = [
    BootScenario("cpus-4", scenario: "cpus") {
      $0.cpus = 4
      $0.settings = ["cpus=4"]
    },
    BootScenario("cpus-2", scenario: "cpus") {
      $0.cpus = 2
      $0.settings = ["cpus=2"]
    },
    BootScenario("cpus-4-one-vcpu", scenario: "shell") {
      $0.cpus = 4
      $0.hypervisorOptions = "dom0_max_vcpus=1"
      $0.settings = ["cpus=1"]
    },
    BootScenario("cpu-qemu64", scenario: "shell") { $0.cpuModel = "qemu64" },
    BootScenario("cpu-haswell", scenario: "shell") { $0.settings = ["cpus=1"] },
    BootScenario("cpu-epyc", scenario: "shell") {
      $0.cpuModel = "EPYC"
      // This model has SMAP, with which Xen's Domain 0 does not survive its first trap in QEMU 7.2.
      $0.xenOptions = "smap=no"
    },
    BootScenario("cpu-max", scenario: "shell") { $0.cpuModel = "max,-la57,-smap" },
  ]

  private static let memories = [
    BootScenario("memory-256M", scenario: "shell") {
      $0.memory = 256
      // Xen sets a part of memory aside, and what is left is too little for this kernel.
      $0.onlyMartlet = true
      $0.settings = ["memory=100"]
    },
    BootScenario("memory-1G", scenario: "shell") { $0.settings = ["memory=700"] },
    BootScenario("memory-8G", scenario: "shell") {
      $0.memory = 8192
      $0.settings = ["memory=6500"]
    },
    // Of 1 GiB QEMU keeps the last 128 KiB for its firmware.
    BootScenario("memory-limit", scenario: "shell") {
      $0.hypervisorOptions = "mem=512M"
      $0.onlyMartlet = true
      $0.settings = ["memory=340"]
      $0.expected = ["mem=, availmem=: 511 of 1023 MiB of memory are used", "Domain 0: 4"]
    },
    BootScenario("memory-available", scenario: "shell") {
      $0.hypervisorOptions = "mem=900M availmem=384M"
      $0.onlyMartlet = true
      $0.settings = ["memory=220"]
      $0.expected = ["mem=, availmem=: 383 of 1023 MiB of memory are used", "Domain 0: 3"]
    },
    BootScenario("memory-dom0-512M", scenario: "shell") {
      $0.memory = 2048
      $0.hypervisorOptions = "dom0_mem=512M,max:512M"
      $0.settings = ["memory=380"]
    },
  ]

  private static let machines = [
    BootScenario("machine-q35", scenario: "shell") { $0.machine = "q35" },
    BootScenario("machine-q35-disk", scenario: "disk") {
      $0.machine = "q35"
      $0.disk = true
    },
    BootScenario("machine-q35-network", scenario: "network") {
      $0.machine = "q35"
      $0.cpus = 2
    },
  ]

  private static let loaders = [
    BootScenario("grub-multiboot", scenario: "shell") {
      $0.loader = .grubMultiboot
    },
    BootScenario("grub-multiboot2", scenario: "shell") {
      $0.loader = .grubMultiboot2
    },
  ]

  private static let payloads =
    [BootScenario("kernel-elf", scenario: "shell") { $0.kernel = .elf }]
    + ["gzip", "lz4", "zstd"].map { program in
      BootScenario("kernel-\(program)", scenario: "shell") { $0.kernel = .repacked(program) }
    }

  private static let options = [
    BootScenario("options-known", scenario: "shell") {
      $0.cpus = 2
      $0.hypervisorOptions =
        "dom0_mem=min:256M,max:640M sync_console noreboot maxcpus=1 sched=credit spec-ctrl=no xpti=no smap=no smep=no"
      $0.settings = ["cpus=1"]
    },
    BootScenario("options-unknown", scenario: "shell") {
      $0.hypervisorOptions = "frobnicate=yes gnttab_max_frames=2048 conring_size=128K"
      $0.onlyMartlet = true
      $0.expected = ["frobnicate", "gnttab_max_frames=2048: not possible here; 256 is taken instead"]
    },
  ]

  private static let endings = [
    BootScenario("poweroff", scenario: "shell") { $0.mayReboot = true },
    BootScenario("reboot", scenario: "reboot") {
      $0.mayReboot = true
      $0.expected = [
        "MARTLET-SHELL reached", "MARTLET-TEST reboot: rebooting", "reboot: Restarting system", "MARTLET-SHELL reached",
      ]
      $0.ending = .enoughSeen
    },
    BootScenario("reboot-by-triple-fault", scenario: "reboot") {
      $0.hypervisorOptions = "reboot=t,warm"
      $0.mayReboot = true
      $0.mustTripleFault = true
      $0.expected = ["MARTLET-TEST reboot: rebooting", "reboot: Restarting system", "MARTLET-SHELL reached"]
      $0.ending = .enoughSeen
    },
    BootScenario("dom0-panic", scenario: "panic") {
      $0.expected = [
        "MARTLET-TEST panic: crashing", "Kernel panic - not syncing: sysrq triggered crash", "Dom0 crashed",
      ]
      $0.forbidden = ["MARTLET-TEST panic: FAIL"]
      $0.ending = .machineStops
      $0.hasOwnEnding = true
    },
    BootScenario("dom0-panic-noreboot", scenario: "panic") {
      $0.hypervisorOptions = "noreboot"
      $0.expected = [
        "MARTLET-TEST panic: crashing", "Kernel panic - not syncing: sysrq triggered crash", "Dom0 crashed",
      ]
      $0.forbidden = ["MARTLET-TEST panic: FAIL"]
      $0.ending = .machineStays
    },
  ]

  /// Ctrl-a three times, and back.
  static let toHypervisor = "\u{1}\u{1}\u{1}"

  private static let consoles = [
    BootScenario("console-keys", scenario: "keys") {
      $0.typing = [
        Typing(after: "MARTLET-TEST keys: listening", text: toHypervisor + "h"),
        Typing(after: "'h' pressed", text: toHypervisor + "back to Domain 0\n"),
      ]
      $0.expected = ["MARTLET-TEST keys: listening", "'h' pressed", "MARTLET-TEST keys: heard back to Domain 0"]
    }
  ]
}
