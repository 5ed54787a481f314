// SPDX-License-Identifier: Apache-2.0
//
// `./martlet run`: everything from nothing to a Domain 0 shell on this terminal.

import Foundation

enum RunCommand {
  static let table = OptionTable(
    verb: "run",
    summary: """
      Boots Debian's Linux kernel as Domain 0 on Martlet in QEMU, on this terminal. What is missing
      is installed, fetched and built first. 'poweroff' in Domain 0, or Ctrl-] x, ends it.
      """,
    options: [
      Option("--memory", "SIZE", "memory of the machine, in MiB or with a suffix (1G is the default)"),
      Option("--cpus", "N", "CPUs of the machine, 1 to 64 (default 1)"),
      Option("--fast", nil, "a small Domain 0 in memory with Xen's tools, and Linux guests: ready in seconds"),
      Option("--guests", "N", "guests that are created at the start (default 2)"),
      Option("--guest-memory", "SIZE", "memory of each guest (default \(standardGuestMemory)M)"),
      Option("--kernel", "FILE", "Domain 0's kernel (default: Debian's linux-image-amd64)"),
      Option("--initrd", "FILE", "Domain 0's initrd (default: a small busybox userland)"),
      Option("--append", "TEXT", "added to Domain 0's command line"),
      Option("--hypervisor-options", "TEXT", "added to the hypervisor's command line"),
      Option("--disk", "FILE", "a raw or qcow2 image, seen by Domain 0 as the virtio disk /dev/vda"),
      Option("--cpu-model", "MODEL", "QEMU's CPU model (default \(QEMULine.standardCPU); the host's under KVM)"),
      Option("--accelerator", "NAME", "kvm, tcg, or auto: KVM where this CPU's flags show it (default)"),
      Option("--machine", "NAME", "pc (default) or q35"),
      Option("--hypervisor", "WHICH", HypervisorChoice.help),
      Option("--dry-run", nil, "prepare everything, then print the QEMU line instead of running it"),
    ])

  /// The hypervisor's options for a person at the terminal: the console on the serial port, warnings and worse.
  static let hypervisorOptions = "com1=115200,8n1 console=com1 loglvl=warning guest_loglvl=warning"
  static let domain0CommandLine = "console=hvc0 quiet loglevel=4"

  /// MiB.
  static let standardGuestMemory = 128
  static let fastDomain0Memory = 512

  static func main(_ arguments: [String]) throws -> Int32 {
    guard let values = try table.parse(arguments) else { return 0 }
    var line = QEMULine()
    line.machine = try values.choice("--machine", "pc", of: ["pc", "q35"])
    line.cpus = try values.integer("--cpus", 1, in: 1...64)
    if let text = values.string("--memory") {
      guard let size = parseMebibytes(text) else {
        throw ToolError.usage("--memory takes a size such as 512, 768M or 2G, not '\(text)'")
      }
      line.memory = size
    }
    let accelerator = try values.choice("--accelerator", "auto", of: ["auto", "kvm", "tcg"])
    line.accelerator = accelerator == "auto" ? Accelerator.best() : accelerator
    line.cpuModel = values.string("--cpu-model") ?? (line.accelerator == "kvm" ? "host" : QEMULine.standardCPU)
    line.mayReboot = true
    line.serial = .terminal
    line.hypervisorOptions = [hypervisorOptions, values.string("--hypervisor-options")].compactMap { $0 }
      .joined(separator: " ")
    if let disk = try existingFile(values, "--disk") {
      line.disk = disk
      line.diskFormat = try diskFormat(disk)
    }
    let kernelFile = try existingFile(values, "--kernel")
    let initrdFile = try existingFile(values, "--initrd")

    try DebianPackages.ensure([.machine])
    let kernel = kernelFile != nil && initrdFile != nil ? nil : try DebianKernel.ensure()
    var initrd = initrdFile
    if let kernel, initrd == nil, values.has("--fast") {
      initrd = try FastDomain0.build(kernel: kernel)
    } else if let kernel, initrd == nil {
      try DebianPackages.ensure([.staticPrograms])
      initrd = try Initramfs.build(kernel: kernel)
    }
    line.hypervisor = try HypervisorChoice(values.string("--hypervisor") ?? "martlet").ensure()
    let commandLine = [domain0CommandLine, values.string("--append")].compactMap { $0 }.joined(separator: " ")
    line.medium = .multiboot(modules: [
      BootModule(path: kernelFile ?? kernel?.image ?? "", commandLine: commandLine), BootModule(path: initrd ?? ""),
    ])
    if values.has("--dry-run") {
      Report.line(try line.shellText())
      return 0
    }
    return try runOnTerminal(line)
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
