// SPDX-License-Identifier: Apache-2.0
//
// Kernel modules as a running system has them: below /lib/modules, with the index files of depmod(8), so that modprobe
// finds what a module needs, and the kernel's own requests ("nft-chain-2-nat") are answered.

import Foundation

enum ModuleTree {
  /// Adds the modules `wanted`, and those they depend on, of the kernel to the tree.
  static func add(_ wanted: [String], of kernel: DebianKernel, to tree: inout FileTree) throws {
    let place = "lib/modules/" + kernel.release
    let files = FileManager.default
    let base = Places.build + "/modules-draft"
    try? files.removeItem(atPath: base)
    defer { try? files.removeItem(atPath: base) }
    for file in try KernelModules(folder: kernel.modules).inLoadOrder(wanted) {
      let path = place + file.dropFirst(kernel.modules.count)
      let copy = base + "/" + path
      try Places.makeFolder((copy as NSString).deletingLastPathComponent)
      try files.copyItem(atPath: file, toPath: copy)
      tree[path] = .file(file, executable: false)
    }
    for list in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
      try files.copyItem(atPath: kernel.modules + "/" + list, toPath: base + "/" + place + "/" + list)
    }
    try Shell.run(["/sbin/depmod", "-b", base, kernel.release], advice: "install kmod")
    for name in try files.contentsOfDirectory(atPath: base + "/" + place) where name.hasPrefix("modules.") {
      tree[place + "/" + name] = .contents(try Places.read(base + "/" + place + "/" + name), executable: false)
    }
  }
}
