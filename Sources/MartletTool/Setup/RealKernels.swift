// SPDX-License-Identifier: Apache-2.0
//
// Kernels that Debian ships, in one folder under the names that the host tests of Images know: parsers are tested on what
// they will meet, not only on what the tests make.

import Foundation

enum RealKernels {
  /// The environment variable by which those tests find the folder; without it they are skipped.
  static let variable = "MARTLET_REAL_KERNELS"

  /// Fetches and unpacks what is missing, and returns the folder.
  static func ensure() throws -> String {
    let kernel = try DebianKernel.ensure()
    let folder = Places.build + "/real-kernels"
    let bzImage = folder + "/vmlinuz"
    let data = try Places.read(kernel.image)
    if FileManager.default.contents(atPath: bzImage) != data {
      try? FileManager.default.removeItem(atPath: folder + "/vmlinux")
      try Places.write(data, to: bzImage)
    }
    try BzImage(data).unpack(to: folder + "/vmlinux")
    if !Places.exists(folder + "/gnumach") {
      let package = try DebianArchive.unpacked("gnumach-image-1.8-xen-486")
      try Places.atomically(folder + "/gnumach") { draft in
        let packed = package + "/boot/gnumach-1.8-xen-486.gz"
        try Shell.run(["sh", "-c", "exec gunzip <\"$1\" >\"$2\"", "sh", packed, draft])
      }
    }
    for name in ["grub-x86_64-xen.bin", "grub-i386-xen.bin"] where !Places.exists(folder + "/" + name) {
      let package = try DebianArchive.unpacked("grub-xen-host")
      try Places.write(try Places.read(package + "/usr/lib/grub-xen/" + name), to: folder + "/" + name)
    }
    return folder
  }
}
