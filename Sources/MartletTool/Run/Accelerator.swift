// SPDX-License-Identifier: Apache-2.0
//
// KVM or TCG. /dev/kvm can exist on machines whose CPU lacks virtualization, where a guest then crawls; so the CPU's flags
// decide, and the device must be ours to open.

import Foundation

enum Accelerator {
  /// What "auto" means here.
  static func best(
    cpuInformation: String = String(
      decoding: FileManager.default.contents(atPath: "/proc/cpuinfo") ?? Data(), as: UTF8.self),
    deviceIsWritable: Bool = unsafe access("/dev/kvm", R_OK | W_OK) == 0
  ) -> String {
    let flags = cpuInformation.split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
    let capable = flags.split(separator: " ").contains { $0 == "vmx" || $0 == "svm" }
    return capable && deviceIsWritable ? "kvm" : "tcg"
  }
}
