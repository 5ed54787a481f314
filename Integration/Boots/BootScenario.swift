// SPDX-License-Identifier: Apache-2.0
//
// What one boot in QEMU is: a machine, a way to boot, what Domain 0 does, and what must come of it. Pure data; the tool's
// `test` verb turns it into QEMU lines.

/// How the hypervisor gets into memory.
public enum BootLoader: String, Sendable {
  /// QEMU's `-kernel` (multiboot 1).
  case qemu
  /// GRUB from a CD, with its `multiboot` and `module` commands.
  case grubMultiboot
  /// GRUB from a CD, with its `multiboot2` and `module2` commands.
  case grubMultiboot2
}

/// What stands where Domain 0's kernel should.
public enum KernelImage: Sendable {
  /// Debian's kernel, as its package has it.
  case debian
  /// No module at all.
  case missing
  /// A text file.
  case text
  /// The first half of Debian's kernel.
  case truncated
  /// Debian's kernel with a run of bytes in its compressed payload inverted.
  case corrupt
  /// A sound ELF program that has no Xen notes.
  case withoutNotes
  /// Debian's kernel out of its bzImage: a plain ELF file.
  case elf
  /// Debian's kernel with its payload compressed anew by the named program: gzip, lz4 or zstd (Debian uses xz).
  case repacked(String)
}

/// How the boot has to end.
public enum BootEnding: Sendable {
  /// QEMU ends by itself, with status 0.
  case machineStops
  /// Everything expected was seen, and the machine then stays as it is, saying nothing more; the host ends it.
  case machineStays
  /// Everything expected was seen; the host ends QEMU at once.
  case enoughSeen
}

/// Text to type once another text was seen.
public struct Typing: Sendable {
  public let after: String
  public let text: String

  public init(after: String, text: String) {
    self.after = after
    self.text = text
  }
}

/// One boot.
public struct BootScenario: Sendable {
  /// The name on which `./martlet test --filter` matches.
  public let name: String
  public var machine = "pc"
  public var cpus = 1
  /// MiB of the machine.
  public var memory = 1024
  public var cpuModel = "Haswell-noTSX"
  public var loader = BootLoader.qemu
  public var kernel = KernelImage.debian
  /// The script in Integration/scenarios that Domain 0 runs; nil when it is not to get that far.
  public var scenario: String?
  /// Words martlet.NAME=VALUE for the scenario.
  public var settings: [String] = []
  /// Added to the hypervisor's command line.
  public var hypervisorOptions = ""
  /// What Debian's Xen needs besides, to get through this boot in QEMU.
  public var xenOptions = ""
  /// A virtio disk with known contents, checked again afterwards.
  public var disk = false
  /// Whether a reset of the machine starts it anew rather than ending QEMU.
  public var mayReboot = false
  /// Whether a triple fault is how it is to start anew; else none may come.
  public var mustTripleFault = false
  public var typing: [Typing] = []
  /// Whether what is typed can go to QEMU's own monitor too: Ctrl-\ and `c` switch between the two.
  public var hasMonitor = false
  /// What the serial port must show, in this order.
  public var expected: [String] = []
  /// What it must never show, besides what no boot may show.
  public var forbidden: [String] = []
  public var ending = BootEnding.machineStops
  /// Whether `expected` is all that comes, though the machine stops: no passed scenario, no orderly power-off.
  public var hasOwnEnding = false
  /// Whether the expectations are about Martlet and mean nothing for another hypervisor.
  public var onlyMartlet = false

  public init(_ name: String, scenario: String? = nil, change: (inout BootScenario) -> Void = { _ in }) {
    self.name = name
    self.scenario = scenario
    change(&self)
  }

  /// What any boot of a scenario shows at its end, or the boot's own expectations.
  public var allExpected: [String] {
    guard let scenario, ending == .machineStops, !hasOwnEnding else { return expected }
    return expected + ["MARTLET-TEST \(scenario): PASS", "reboot: Power down"]
  }
}
