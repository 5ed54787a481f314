// SPDX-License-Identifier: Apache-2.0
//
// `./martlet run`: everything from nothing to a Domain 0 shell on this terminal.

import Foundation

enum RunCommand {
  static let table = OptionTable(
    verb: "run",
    summary: """
      Boots Debian 12 as Domain 0 on Martlet in QEMU, on this terminal, and Linux guests beside it. What
      is missing is installed, fetched and built first (the first time takes some minutes; with --fast,
      much less). 'poweroff' in Domain 0, or Ctrl-\\ x, ends it.
      """,
    options: [
      Option("--fast", nil, "a small Domain 0 in memory with Xen's tools, and small guests: ready in seconds"),
      Option("--bare", nil, "a small busybox Domain 0 without Xen's tools and guests"),
      Option(
        "--guests", "N",
        "guests that are created at the start (default 2; 0 to \(mostGuests), \(mostDisks) without --fast)"),
      Option("--guest-memory", "SIZE", "memory of each guest (default 256M, with --fast 128M)"),
      Option("--keep", nil, "keep what Domain 0 writes to its disk (default: forget it at the end)"),
      Option("--memory", "SIZE", "memory of the machine, in MiB or with a suffix (default: what is needed)"),
      Option("--cpus", "N", "CPUs of the machine, 1 to 64 (default 2, with --bare 1)"),
      Option("--kernel", "FILE", "Domain 0's kernel, with --bare (default: Debian's linux-image-amd64)"),
      Option("--initrd", "FILE", "Domain 0's initrd, with --bare (default: a small busybox userland)"),
      Option("--append", "TEXT", "added to Domain 0's command line"),
      Option("--hypervisor-options", "TEXT", "added to the hypervisor's command line"),
      Option(
        "--disk", "FILE",
        "a raw or qcow2 image, seen by Domain 0 as /dev/disk/by-id/virtio-disk,\nand with --fast or --bare as /dev/vda"),
      Option("--cpu-model", "MODEL", "QEMU's CPU model (default \(QEMULine.standardCPU); the host's under KVM)"),
      Option("--accelerator", "NAME", "kvm, tcg, or auto: KVM where this CPU's flags show it (default)"),
      Option("--machine", "NAME", "pc (default) or q35"),
      Option("--hypervisor", "WHICH", HypervisorChoice.help),
      Option("--dry-run", nil, "prepare everything, then print the QEMU line instead of running it"),
    ])

  /// The hypervisor's options for a person at the terminal: the console on the serial port, warnings and worse.
  static let hypervisorOptions = "com1=115200,8n1 console=com1 loglvl=warning"

  /// Each has an address of its own in 192.168.77.0/24, and above 200 are others.
  static let mostGuests = 200
  /// Of guests with disks of their own: each is a device on QEMU's one PCI bus.
  static let mostDisks = 16

  static func main(_ arguments: [String]) throws -> Int32 {
    guard let values = try table.parse(arguments) else { return 0 }
    var line = QEMULine()
    line.machine = try values.choice("--machine", "pc", of: ["pc", "q35"])
    let accelerator = try values.choice("--accelerator", "auto", of: ["auto", "kvm", "tcg"])
    line.accelerator = accelerator == "auto" ? Accelerator.best() : accelerator
    line.cpuModel = values.string("--cpu-model") ?? (line.accelerator == "kvm" ? "host" : QEMULine.standardCPU)
    line.mayReboot = true
    line.serial = .terminal
    let memory = try size(values, "--memory")
    _ = try values.integer("--cpus", 1, in: 1...64)
    let ownDisk = try existingFile(values, "--disk")

    try DebianPackages.ensure([.machine])
    let setup = try domain0(values)
    setup.apply(
      to: &line,
      hypervisorOptions: [hypervisorOptions] + [values.string("--hypervisor-options")].compactMap { $0 },
      words: [values.string("--append")].compactMap { $0 })
    line.memory = memory ?? line.memory
    line.cpus = try values.integer("--cpus", line.cpus, in: 1...64)
    if let ownDisk { line.disks.append(DiskImage(path: ownDisk, format: try diskFormat(ownDisk), name: "disk")) }
    line.hypervisor = try HypervisorChoice(values.string("--hypervisor") ?? "martlet").ensure()
    if values.has("--dry-run") {
      Report.line(try line.shellText())
      return 0
    }
    Report.step(setup.startText(accelerator: line.accelerator, slowness: HostSpeed.slowness))
    return try runOnTerminal(line)
  }

  /// What to boot as Domain 0.
  private static func domain0(_ values: OptionValues) throws -> Domain0Setup {
    let kernel = try existingFile(values, "--kernel")
    let initrd = try existingFile(values, "--initrd")
    let isBare = values.has("--bare") || kernel != nil || initrd != nil
    let isFast = values.has("--fast")
    if isBare {
      for option in ["--fast", "--guests", "--guest-memory", "--keep"] where values.has(option) {
        throw ToolError.usage("\(option) makes no sense with --bare, --kernel or --initrd: that Domain 0 has no tools")
      }
      return try .bare(kernel: kernel, initrd: initrd)
    }
    var guests = GuestsWanted()
    guests.count = try values.integer("--guests", 2, in: 0...(isFast ? mostGuests : mostDisks))
    guests.memory = try size(values, "--guest-memory") ?? (isFast ? 128 : 256)
    guard guests.memory >= 32 else { throw ToolError.usage("--guest-memory: Linux needs 32M or more") }
    if isFast {
      guard !values.has("--keep") else { throw ToolError.usage("--keep makes no sense with --fast: there is no disk") }
      return try .fast(guests)
    }
    return try .debian(guests, keepsChanges: values.has("--keep"))
  }

  /// The value of an option that takes a size, in MiB.
  private static func size(_ values: OptionValues, _ name: String) throws -> Int? {
    guard let text = values.string(name) else { return nil }
    guard let size = parseMebibytes(text) else {
      throw ToolError.usage("\(name) takes a size such as 512, 768M or 2G, not '\(text)'")
    }
    return size
  }

  /// Gives QEMU the terminal, and sets the terminal as it was afterwards, however QEMU ended.
  private static func runOnTerminal(_ line: QEMULine) throws -> Int32 {
    var settings = termios()
    let isTerminal = unsafe tcgetattr(0, &settings) == 0
    // Ctrl-C is for Domain 0: QEMU has the terminal in raw mode, and a stray signal must not end us before it.
    signal(SIGINT, SIG_IGN)
    let child = try ChildProcess(try line.arguments(), input: .inherited, diesWithUs: true)
    let status = child.wait()
    if isTerminal { unsafe tcsetattr(0, TCSANOW, &settings) }
    return status
  }

  private static func existingFile(_ values: OptionValues, _ name: String) throws -> String? {
    guard let path = values.string(name).map(Places.absolute) else { return nil }
    guard Places.exists(path) else { throw ToolError.usage("\(name): there is no file \(path)") }
    return path
  }

  /// qcow2 by its magic number "QFI\xfb", else raw. (QEMU's own guess would let a guest pick the format.)
  private static func diskFormat(_ path: String) throws -> String {
    guard let file = FileHandle(forReadingAtPath: path) else { throw ToolError.usage("cannot read \(path)") }
    defer { try? file.close() }
    return try file.read(upToCount: 4) == Data([0x51, 0x46, 0x49, 0xfb]) ? "qcow2" : "raw"
  }
}
