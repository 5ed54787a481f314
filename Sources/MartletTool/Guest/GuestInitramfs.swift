// SPDX-License-Identifier: Apache-2.0
//
// The initramfs of a small Linux guest: busybox, the frontends of Xen's virtual devices, the tests' loads, and /init from
// Integration/guest, which either stays in memory or goes on from a disk with root=.

import Foundation

enum GuestInitramfs {
  /// crc32c_generic must be there before ext4, which asks for it by another name.
  static let modules = ["xen_netfront", "xen_blkfront", "crc32c_generic", "ext4"]

  /// Makes `build/guest-NAME.gz` for the kernel and returns its path.
  static func build(_ name: String, kernel: DebianKernel) throws -> String {
    var tree = FileTree()
    tree["bin/busybox"] = .file("/bin/busybox", executable: true)
    for applet in try Busybox.applets() { tree["bin/" + applet] = .link("busybox") }
    try tree.add(Places.root + "/Integration/guest")
    for program in try StaticPrograms.build("guest-programs") {
      tree["bin/" + (program as NSString).lastPathComponent] = .file(program, executable: true)
    }
    for folder in ["dev", "proc", "sys", "tmp", "run", "mnt", "root", "newroot"] { tree[folder] = .folder }

    let files = try KernelModules(folder: kernel.modules).inLoadOrder(modules)
    for file in files { tree["lib/modules/" + (file as NSString).lastPathComponent] = .file(file, executable: false) }
    let order = files.map { ($0 as NSString).lastPathComponent + "\n" }.joined()
    tree["lib/modules/load-order"] = .contents(Data(order.utf8), executable: false)

    var archive = CpioArchive()
    archive.device("dev/console", major: 5, minor: 1)
    for folder in ["bin", "sbin", "lib", "lib64"] { archive.link(folder, to: "usr/" + folder) }
    archive.link("usr/sbin", to: "bin")
    try tree.write(to: &archive)
    return try archive.finished().compressed(to: Places.build + "/guest-\(name).gz", by: "gzip -n -4")
  }
}
