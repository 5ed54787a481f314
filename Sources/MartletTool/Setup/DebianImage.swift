// SPDX-License-Identifier: Apache-2.0
//
// Disk images with a whole Debian 12 on one ext4 file system: mmdebstrap makes the tree, our files are laid over it, and
// mke2fs puts it into an image. That takes minutes and needs root, so an image is kept until its recipe changes.

import Foundation

/// What an image is made of.
struct DebianImage {
  /// Of the files: `build/debian/NAME.ext4`, and beside it what NAME.recipe says it was made of.
  let name: String
  /// The file system's label, at most 16 bytes.
  let label: String
  let packages: [String]
  /// MiB; the file is sparse.
  let size: Int
  /// Folders of Integration/ whose contents are laid over the tree, and services that are switched on.
  let overlays: [String]
  let services: [String]
  /// More files to put there: path in the image, file here.
  var files: [(path: String, source: String)] = []
  /// Commands that run in the tree at the end, by sh -c.
  var commands: [String] = []

  static let folder = Places.build + "/debian"
  var disk: String { Self.folder + "/" + name + ".ext4" }
  /// The kernel and initrd of the tree, where it has one.
  var kernel: String { Self.folder + "/" + name + ".vmlinuz" }
  var initrd: String { Self.folder + "/" + name + ".initrd" }

  /// Timers that a machine of minutes has no use for, and that would compete with what one wants to see.
  static let unwantedUnits = [
    "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "dpkg-db-backup.timer",
  ]

  /// Makes the image unless it is there, made of the same.
  func ensure() throws {
    let recipe = try self.recipe()
    let record = Self.folder + "/" + name + ".recipe"
    if Places.exists(disk), FileManager.default.contents(atPath: record) == recipe { return }
    try DebianPackages.ensure([.debianImages])
    do { try Root.requireMounts() } catch let error as ToolError {
      throw ToolError.refused(
        "a Debian root file system cannot be made here: \(error.message); './martlet run --fast' does without")
    }
    try? FileManager.default.removeItem(atPath: record)
    try Places.makeFolder(Self.folder)
    let tree = Self.folder + "/" + name + ".tree"
    try Shell.run(Root.command(["rm", "--one-file-system", "-rf", tree]))
    defer { _ = try? Shell.result(Root.command(["rm", "--one-file-system", "-rf", tree])) }
    try install(into: tree)
    try finish(tree)
    try Places.write(recipe, to: record)
  }

  private func install(into tree: String) throws {
    Report.step("making a Debian 12 root file system for '\(name)' with mmdebstrap (once; a few minutes)")
    // The hooks get the tree as $1. What initramfs-tools reads must be there before a kernel is installed.
    let early = overlays.map { overlay in
      "--essential-hook=if [ -d '\(Self.source(overlay))/etc/initramfs-tools' ]; then mkdir -p \"$1/etc\" && "
        + "cp -dR --preserve=mode '\(Self.source(overlay))/etc/initramfs-tools' \"$1/etc/\"; fi"
    }
    let command = [
      "mmdebstrap", "--mode=root", "--variant=minbase", "--include=" + packages.joined(separator: ","),
      "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
      "--dpkgopt=path-exclude=/usr/share/locale/*",
    ]
    try Shell.run(
      Root.command(command + early + ["bookworm", tree]),
      advice: "is the network up, can deb.debian.org be reached, and is there room in \(Self.folder)?")
  }

  /// Our files, services and commands; then the image.
  private func finish(_ tree: String) throws {
    var lines = ["set -e"]
    for overlay in overlays { lines.append("cp -dR --preserve=mode '\(Self.source(overlay))/.' '\(tree)/'") }
    for file in files {
      let target = "'\(tree)/\(file.path)'"
      lines.append("mkdir -p \"$(dirname \(target))\"; cp '\(file.source)' \(target)")
    }
    let chroot = "chroot '\(tree)'"
    lines.append("\(chroot) passwd -q -d root")
    if !services.isEmpty { lines.append("\(chroot) systemctl -q enable " + services.joined(separator: " ")) }
    lines.append("\(chroot) systemctl -q mask " + Self.unwantedUnits.joined(separator: " "))
    for command in commands { lines.append("\(chroot) sh -c '\(command)'") }
    lines.append("rm -rf '\(tree)'/var/cache/apt/*.bin '\(tree)'/var/cache/apt/archives/*.deb")
    let draft = disk + ".draft"
    lines.append("rm -f '\(draft)'")
    lines.append("mke2fs -q -t ext4 -m 1 -L \(label) -d '\(tree)' '\(draft)' \(size)M")
    lines.append(
      "if [ -e '\(tree)/vmlinuz' ]; then cp -L '\(tree)/vmlinuz' '\(kernel)'; cp -L '\(tree)/initrd.img' '\(initrd)'; fi"
    )
    lines.append("chown \(getuid()):\(getgid()) '\(draft)'")
    lines.append("if [ -e '\(kernel)' ]; then chown \(getuid()):\(getgid()) '\(kernel)' '\(initrd)'; fi")
    lines.append("mv '\(draft)' '\(disk)'")
    Report.step("writing its disk image with mke2fs")
    try Shell.run(
      Root.command(["sh", "-c", lines.joined(separator: "\n")]), advice: "is there room in \(Self.folder)?")
  }

  /// All that goes into the image, as text: when this changes, the image is made anew. (Debian's own updates are left to
  /// apt; delete the folder to start from what Debian has today.)
  private func recipe() throws -> Data {
    var text = "\(label) \(size) MiB\n\(packages.joined(separator: " "))\n\(services.joined(separator: " "))\n"
    text += (Self.unwantedUnits + commands).joined(separator: "\n") + "\n"
    var data = Data(text.utf8)
    for overlay in overlays {
      let folder = Self.source(overlay)
      for path in try FileManager.default.subpathsOfDirectory(atPath: folder).sorted() {
        data.append(Data((path + "\n").utf8))
        if let contents = FileManager.default.contents(atPath: folder + "/" + path) { data.append(contents) }
      }
    }
    for file in files {
      // These are large and made by us or named for their version: size and name tell enough.
      let size = (try FileManager.default.attributesOfItem(atPath: file.source))[.size] as? Int ?? 0
      data.append(Data("\(file.path) \(file.source) \(size)\n".utf8))
    }
    return data
  }

  private static func source(_ overlay: String) -> String { Places.root + "/Integration/" + overlay }
}
