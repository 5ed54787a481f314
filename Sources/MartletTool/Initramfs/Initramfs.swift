// SPDX-License-Identifier: Apache-2.0
//
// The initramfs that Domain 0 boots into: Debian's static busybox, our /init and test scenarios from Integration/, the
// kernel modules of QEMU's virtio devices and of Xen's interfaces, and a few static C programs for loads and measurements.

import Foundation

enum Initramfs {
  /// Devices that QEMU offers, Xen's user interfaces, and a file system for disks. Everything else is built in.
  static let modules = ["virtio_pci", "virtio_blk", "virtio_net", "xenfs", "xen_evtchn", "xen_gntdev", "ext4"]

  /// Makes build/initramfs.gz and returns its path.
  static func build(kernel: DebianKernel) throws -> String {
    var archive = CpioArchive()
    for folder in ["dev", "proc", "sys", "tmp", "run", "mnt", "root"] { archive.folder(folder) }
    archive.device("dev/console", major: 5, minor: 1)

    let busybox = "/bin/busybox"
    archive.file("bin/busybox", try Places.read(busybox), executable: true)
    let ours: Set<String> = ["busybox", "poweroff", "reboot", "halt"]
    for applet in try Shell.run([busybox, "--list"]).split(separator: "\n").map(String.init).sorted()
    where !ours.contains(applet) {
      archive.link("bin/" + applet, to: "busybox")
    }
    archive.link("sbin", to: "bin")

    try addTree(&archive, "initramfs", at: "")
    try addTree(&archive, "scenarios", at: "scenarios/")
    for program in try StaticPrograms.build() {
      archive.file("bin/" + (program as NSString).lastPathComponent, try Places.read(program), executable: true)
    }

    let files = try KernelModules(folder: kernel.modules).inLoadOrder(modules)
    for file in files {
      archive.file("lib/modules/" + (file as NSString).lastPathComponent, try Places.read(file))
    }
    let names = files.map { ($0 as NSString).lastPathComponent }
    archive.file("lib/modules/load-order", Data((names.joined(separator: "\n") + "\n").utf8))
    return try compress(archive.finished(), to: Places.initramfs)
  }

  /// Adds the tree Integration/`name`, in name order; everything in it may be run.
  private static func addTree(_ archive: inout CpioArchive, _ name: String, at prefix: String) throws {
    let folder = Places.root + "/Integration/" + name
    for path in try FileManager.default.subpathsOfDirectory(atPath: folder).sorted() {
      var isFolder: ObjCBool = false
      _ = unsafe FileManager.default.fileExists(atPath: folder + "/" + path, isDirectory: &isFolder)
      if !isFolder.boolValue { archive.file(prefix + path, try Places.read(folder + "/" + path), executable: true) }
    }
  }

  /// gzip without name and date; skipped when the archive did not change.
  private static func compress(_ archive: Data, to path: String) throws -> String {
    let plain = String(path.dropLast(".gz".count)) + ".cpio"
    if FileManager.default.contents(atPath: plain) == archive, Places.exists(path) { return path }
    try Places.write(archive, to: plain)
    try Places.atomically(path) { draft in
      try Shell.run(["sh", "-c", "exec gzip -n -6 <\"$1\" >\"$2\"", "sh", plain, draft])
    }
    return path
  }
}
