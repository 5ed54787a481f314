// SPDX-License-Identifier: Apache-2.0
//
// Debian's stock kernel, and Debian's Xen to compare with, out of their unpacked packages.

import Foundation

/// The unpacked linux-image package.
struct DebianKernel {
  let folder: String
  /// What `uname -r` will say.
  let release: String

  var image: String { folder + "/boot/vmlinuz-" + release }
  var modules: String { folder + "/lib/modules/" + release }

  /// Fetches the kernel that linux-image-amd64 stands for, unless it is there.
  static func ensure() throws -> DebianKernel { try ensure("linux-image-amd64") }

  /// Fetches the smaller kernel for virtual machines, which is a guest's but cannot be Domain 0's.
  static func ensureCloud() throws -> DebianKernel { try ensure("linux-image-cloud-amd64") }

  private static func ensure(_ metapackage: String) throws -> DebianKernel {
    let folder = try DebianArchive.unpacked(metapackage, dependency: "linux-image-")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/boot")
    guard let image = names.first(where: { $0.hasPrefix("vmlinuz-") }) else {
      throw ToolError.failed("\(folder) holds no kernel; delete \(Places.cache) and try again")
    }
    return DebianKernel(folder: folder, release: String(image.dropFirst("vmlinuz-".count)))
  }
}

/// Debian's Xen 4.17, the reference.
enum DebianXen {
  /// The uncompressed hypervisor: a 32-bit multiboot ELF that QEMU's `-kernel` takes.
  static func ensure() throws -> String {
    let folder = try DebianArchive.unpacked("xen-hypervisor-4.17-amd64")
    let image = folder + "/xen"
    guard !Places.exists(image) else { return image }
    try Places.atomically(image) { draft in
      let packed = folder + "/boot/xen-4.17-amd64.gz"
      try Shell.run(["sh", "-c", "exec gunzip <\"$1\" >\"$2\"", "sh", packed, draft])
    }
    return image
  }
}
