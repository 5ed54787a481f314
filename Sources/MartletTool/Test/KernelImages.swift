// SPDX-License-Identifier: Apache-2.0
//
// Kernels for Domain 0 other than Debian's as it is: the same in other wrappings, and some that cannot be booted.

import BootScenarios
import Foundation

enum KernelImages {
  /// The file to load as Domain 0's kernel; nil for none at all.
  static func path(_ image: KernelImage, of kernel: DebianKernel, folder: String) throws -> String? {
    switch image {
    case .debian: return kernel.image
    case .missing: return nil
    case .text:
      let path = folder + "/text"
      try Places.write(Data(String(repeating: "This is a text and no kernel.\n", count: 500).utf8), to: path)
      return path
    case .truncated:
      let path = folder + "/truncated"
      let whole = try Places.read(kernel.image)
      try Places.write(whole.prefix(whole.count / 2), to: path)
      return path
    case .corrupt:
      let path = folder + "/corrupt"
      var bytes = try Places.read(kernel.image)
      for index in (bytes.count / 2)..<(bytes.count / 2 + 64) { bytes[index] = ~bytes[index] }
      try Places.write(bytes, to: path)
      return path
    case .withoutNotes:
      return Places.build + "/programs/load"
    case .elf:
      let path = folder + "/vmlinux-" + kernel.release
      try BzImage(try Places.read(kernel.image)).unpack(to: path)
      return path
    case .repacked(let program):
      let plain = folder + "/vmlinux-" + kernel.release
      let path = folder + "/vmlinuz-" + kernel.release + "-" + program
      try BzImage(try Places.read(kernel.image)).repack(plain, with: program, to: path)
      return path
    }
  }
}
