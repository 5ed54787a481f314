// SPDX-License-Identifier: Apache-2.0
//
// The QEMU command line: one description of a machine, used by `run`, `test` and `bench` alike, so that what is tested is
// what a person runs.

import Foundation

/// What the machine is booted from.
enum BootMedium {
  /// QEMU loads the hypervisor by multiboot; the modules are Domain 0's kernel with its command line, then its initrd.
  case multiboot(modules: [BootModule])
  /// A CD image with a boot loader of its own.
  case iso(String)
  /// QEMU's own Linux loader, for a kernel on the bare machine.
  case linux(kernel: String, initrd: String, commandLine: String)
}

/// A file that the boot loader passes on, with the string that goes with it.
struct BootModule {
  let path: String
  var commandLine = ""
}

/// Where the serial port goes.
enum SerialPort {
  /// This terminal, shared with QEMU's monitor. QEMU's own escape key would be Ctrl-a, which is the hypervisor's; it is
  /// moved to Ctrl-\ (then x to leave, c for the monitor; Ctrl-] is what leaves xl console).
  case terminal
  /// Standard input and output, nothing else on them.
  case standardStreams
}

/// A disk image on this machine, which is a virtio disk of the emulated one.
struct DiskImage {
  let path: String
  var format = "raw"
  /// By which Linux finds it: /dev/disk/by-id/virtio-NAME; at most 20 bytes.
  var name: String?
  /// What is written is forgotten at the end; so several machines, or several disks of one, can share an image.
  var forgetsWrites = false
}

struct QEMULine {
  var machine = "pc"
  var cpus = 1
  /// MiB.
  var memory = 1024
  var cpuModel = QEMULine.standardCPU
  var accelerator = "tcg"
  var hypervisor = Places.image
  var hypervisorOptions = ""
  var medium = BootMedium.multiboot(modules: [])
  /// In order: the first is /dev/vda.
  var disks: [DiskImage] = []
  var network = true
  /// Whether 10.0.2.100, port 13, answers each line with this host's time (Integration/programs/host-clock).
  var tellsHostTime = false
  var mayReboot = false
  var serial = SerialPort.standardStreams
  /// The guest's clock counts instructions: timings repeat exactly (one nanosecond each) and mean cost, not time.
  var countsInstructions = false
  /// One thread of the host plays all CPUs, in turns, instead of one each.
  var playsOnOneThread = false

  /// A CPU without transactional memory, which TCG does not have.
  static let standardCPU = "Haswell-noTSX"

  /// The words of the command line.
  func arguments() throws -> [String] {
    var words = ["qemu-system-x86_64", "-nographic", "-machine", machine, "-m", "\(memory)"]
    words += ["-smp", "\(cpus)", "-cpu", cpuModel, "-accel"]
    let mayChoose = accelerator == "tcg" && cpus > 1 && !countsInstructions
    words.append(mayChoose ? "tcg,thread=\(playsOnOneThread ? "single" : "multi")" : accelerator)
    if countsInstructions { words += ["-icount", "shift=0,sleep=off"] }
    switch medium {
    case .multiboot(let modules):
      words += ["-kernel", hypervisor]
      if !modules.isEmpty { words += ["-initrd", try modules.map(Self.initrdEntry).joined(separator: ",")] }
      if !hypervisorOptions.isEmpty { words += ["-append", hypervisorOptions] }
    case .iso(let path):
      words += ["-cdrom", path]
    case .linux(let kernel, let initrd, let commandLine):
      words += ["-kernel", kernel, "-initrd", initrd, "-append", commandLine]
    }
    for (number, disk) in disks.enumerated() { words += Self.diskWords(disk, number) }
    if network {
      let clock = tellsHostTime ? ",guestfwd=tcp:10.0.2.100:13-cmd:" + Self.escaped(Places.hostClock) : ""
      words += ["-netdev", "user,id=network" + clock, "-device", "virtio-net-pci,netdev=network,romfile="]
    }
    switch serial {
    case .terminal: words += ["-serial", "mon:stdio", "-echr", "28"]
    case .standardStreams: words += ["-serial", "stdio", "-monitor", "none"]
    }
    if !mayReboot { words.append("-no-reboot") }
    return words
  }

  /// The line as one would type it.
  func shellText() throws -> String {
    try arguments().map { word in
      let plain = word.allSatisfy { $0.isLetter || $0.isNumber || "-_=./,:+".contains($0) }
      return plain && !word.isEmpty ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }.joined(separator: " ")
  }

  private static func diskWords(_ disk: DiskImage, _ number: Int) -> [String] {
    let name = "disk\(number)"
    let forgets = disk.forgetsWrites ? ",snapshot=on" : ""
    let serial = disk.name.map { ",serial=" + $0 } ?? ""
    return [
      "-drive", "if=none,id=\(name),format=\(disk.format)\(forgets),file=\(escaped(disk.path))",
      "-device", "virtio-blk-pci,drive=\(name)\(serial)",
    ]
  }

  /// `-initrd` separates modules by commas and a file from its string by the first space; a comma is doubled to stand for
  /// itself, a space in a path cannot be said.
  private static func initrdEntry(_ module: BootModule) throws -> String {
    guard !module.path.contains(" ") else {
      throw ToolError.failed("QEMU cannot take a module whose path has a space: \(module.path)")
    }
    return escaped(module.commandLine.isEmpty ? module.path : module.path + " " + module.commandLine)
  }

  private static func escaped(_ text: String) -> String { text.replacingOccurrences(of: ",", with: ",,") }
}
