// SPDX-License-Identifier: Apache-2.0
//
// A bootable CD with GRUB, made by grub-mkrescue: the way most real machines get a hypervisor into memory.

import BootScenarios
import Foundation

enum GRUBImage {
  /// Makes the CD image at `path` with the line's hypervisor and options, and the modules.
  static func make(_ path: String, loader: BootLoader, line: QEMULine, modules: [BootModule]) throws {
    let tree = path + ".tree"
    try? FileManager.default.removeItem(atPath: tree)
    defer { try? FileManager.default.removeItem(atPath: tree) }
    try Places.makeFolder(tree + "/boot/grub")
    func place(_ file: String, as name: String) throws {
      try FileManager.default.copyItem(atPath: file, toPath: tree + "/boot/" + name)
    }
    try place(line.hypervisor, as: "hypervisor")
    for (index, module) in modules.enumerated() { try place(module.path, as: "module\(index)") }
    let text = configuration(loader: loader, options: line.hypervisorOptions, modules: modules)
    try Places.write(Data(text.utf8), to: tree + "/boot/grub/grub.cfg")
    try Places.atomically(path) { draft in
      // Only what a BIOS machine needs to read a CD: the full set of modules takes GRUB a minute to make and to load.
      let words = [
        "grub-mkrescue", "-d", "/usr/lib/grub/i386-pc",
        "--install-modules=normal iso9660 biosdisk multiboot multiboot2",
        "--fonts=", "--locales=", "--themes=", "-o", draft, tree,
      ]
      try Shell.run(words, advice: "install grub-common, grub-pc-bin, xorriso and mtools")
    }
  }

  /// GRUB's configuration. GRUB does not pass on a file's name, whereas the first word of each string is expected to be
  /// one; Debian's own scripts put "placeholder" there, and so do we.
  static func configuration(loader: BootLoader, options: String, modules: [BootModule]) -> String {
    let (kernel, module) = loader == .grubMultiboot2 ? ("multiboot2", "module2") : ("multiboot", "module")
    var text = "set timeout=0\nset default=0\nmenuentry Martlet {\n"
    text += "  \(kernel) /boot/hypervisor placeholder \(options)\n"
    for (index, entry) in modules.enumerated() {
      text +=
        "  \(module) /boot/module\(index)\(entry.commandLine.isEmpty ? "" : " placeholder " + entry.commandLine)\n"
    }
    return text + "}\n"
  }
}
