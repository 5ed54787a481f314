// SPDX-License-Identifier: Apache-2.0
//
// Debian's static busybox, the userland of everything small here.

import Foundation

enum Busybox {
  static let path = "/bin/busybox"

  /// The names it answers to, except for those for which Integration/ has scripts: there is no init system to ask for
  /// a shutdown.
  static func applets() throws -> [String] {
    let ours: Set<String> = ["busybox", "poweroff", "reboot", "halt"]
    return try Shell.run([path, "--list"]).split(separator: "\n").map(String.init).sorted().filter {
      !ours.contains($0)
    }
  }
}
