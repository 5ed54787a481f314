// SPDX-License-Identifier: Apache-2.0
//
// What `./martlet run` can boot as Domain 0, each with all that belongs to it: from the busybox of a boot test to a whole
// Debian. One description for all of them, so that options mean the same everywhere.

import Foundation

struct Domain0Setup {
  var kernel: String
  var initrd: String
  /// Domain 0's command line.
  var words: [String]
  /// In order; what a person adds with --disk comes behind.
  var disks: [DiskImage] = []
  /// What Domain 0 gets of the machine's memory, MiB; nil for all of it.
  var memory: Int?
  /// What the machine should have when nobody says otherwise, MiB.
  var machineMemory = 1024
  var machineCPUs = 1
  /// Seconds from QEMU's start to Domain 0's prompt on a usual host without hardware virtualization (HostSpeed).
  var usualStart = 10.0

  /// For dom0_mem=. The maximum is the same, so that Domain 0's kernel makes no room for more.
  var hypervisorWords: [String] { memory.map { ["dom0_mem=\($0)M,max:\($0)M"] } ?? [] }

  /// Sets up a machine for it: memory, CPUs, disks, and both command lines, with more words for each.
  func apply(to line: inout QEMULine, hypervisorOptions: [String], words more: [String] = []) {
    line.memory = machineMemory
    line.cpus = machineCPUs
    line.disks = disks
    let hasMemory = hypervisorOptions.contains { $0.contains("dom0_mem=") }
    // A person's own words come last: they may end with some for Domain 0, after `--`.
    line.hypervisorOptions = ((hasMemory ? [] : hypervisorWords) + hypervisorOptions).joined(separator: " ")
    line.medium = .multiboot(modules: [
      BootModule(path: kernel, commandLine: (words + more).joined(separator: " ")), BootModule(path: initrd),
    ])
  }

  /// The console, and nothing of the kernel's but what a person should worry about.
  static let console = ["console=hvc0", "quiet", "loglevel=4"]

  /// systemd tells what it starts, so that a person sees it get on; with a quiet kernel it would say nothing.
  static let tellsUnits = ["systemd.show_status=1"]

  /// An emulated CPU on a busy machine may take longer than systemd's minute and a half, with nothing being wrong.
  static let patience = ["systemd.default_timeout_start_sec=900", "systemd.default_device_timeout_sec=900"]
}

extension Domain0Setup {
  /// What a person is told when QEMU starts: the kernel is silent, and how long it usually is until there is a prompt.
  func startText(accelerator: String, slowness: Double) -> String {
    let seconds = usualStart * slowness
    let time = seconds < 100 ? "\(Int((seconds / 10).rounded(.up)) * 10) seconds" : "\(Int((seconds / 60).rounded(.up))) minutes"
    let how = accelerator == "tcg" ? "this CPU is emulated: " : ""
    return "starting QEMU; \(how)Domain 0's kernel is silent while it starts, and the prompt comes after some \(time) here"
      + " (Ctrl-\\ then x ends it at any time)"
  }
}

/// Guests that a run starts with.
struct GuestsWanted {
  /// How many.
  var count = 2
  /// MiB of each.
  var memory = 128

  /// What they need of the machine besides what they have: the hypervisor's own, and some for a guest that a person adds.
  static let spare = 256

  /// The words that tell Domain 0's scripts (Integration/domain0-common/etc/martlet).
  var words: [String] { ["martlet.guests=\(count)", "martlet.start=\(count)", "martlet.guest-memory=\(memory)"] }

  func machineMemory(domain0: Int) -> Int { domain0 + count * memory + Self.spare }
}

extension Domain0Setup {
  /// A small userland without Xen's tools, or what the person names.
  static func bare(kernel kernelFile: String?, initrd initrdFile: String?) throws -> Domain0Setup {
    if let kernelFile, let initrdFile {
      return Domain0Setup(kernel: kernelFile, initrd: initrdFile, words: console)
    }
    let kernel = try DebianKernel.ensure()
    if initrdFile == nil { try DebianPackages.ensure([.staticPrograms]) }
    return Domain0Setup(
      kernel: kernelFile ?? kernel.image, initrd: try initrdFile ?? Initramfs.build(kernel: kernel), words: console)
  }

  /// Xen's tools in an initramfs, and guests in memory.
  static func fast(_ guests: GuestsWanted) throws -> Domain0Setup {
    let kernel = try DebianKernel.ensure()
    // Each guest costs Domain 0 a console, a store connection and a network backend.
    let memory = 512 + guests.count * 3
    return Domain0Setup(
      kernel: kernel.image, initrd: try FastDomain0.build(kernel: kernel), words: console + guests.words,
      memory: memory,
      machineMemory: max(1024, guests.machineMemory(domain0: memory)), machineCPUs: 2,
      usualStart: 20 + 8 * Double(guests.count))
  }

  /// A whole Debian, and guests that are whole Debians too, each with a disk of its own.
  static func debian(_ guests: GuestsWanted, keepsChanges: Bool) throws -> Domain0Setup {
    let image = try DebianDomain0.ensure()
    let guestImage = try DebianGuest.ensure()
    let memory = 1024
    var setup = Domain0Setup(
      kernel: image.kernel, initrd: image.initrd,
      words: ["root=LABEL=\(DebianDomain0.label)", "ro"] + console + tellsUnits + patience + guests.words,
      memory: memory, machineMemory: guests.machineMemory(domain0: memory), machineCPUs: 2,
      usualStart: 60 + 20 * Double(guests.count))
    setup.disks.append(DiskImage(path: image.disk, forgetsWrites: !keepsChanges))
    let own = try GuestDisk.all()
    for number in 1...max(guests.count, 1) {
      let name = "guest\(number)"
      guard !own.contains(where: { $0.name == name }) else { continue }
      setup.disks.append(DiskImage(path: guestImage, name: name, forgetsWrites: true))
    }
    setup.disks.append(DiskImage(path: guestImage, name: "grub", forgetsWrites: true))
    setup.disks += own.map { DiskImage(path: $0.path, name: $0.name) }
    setup.machineMemory += own.count * guests.memory
    return setup
  }
}
