// SPDX-License-Identifier: Apache-2.0
//
// What only root may do on this machine: by being root already, or by sudo. And what some machines, such as containers, do
// not even let root do.

import Foundation

enum Root {
  /// Whether a program is on PATH.
  static func finds(_ program: String) -> Bool {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").contains { unsafe access("\($0)/\(program)", X_OK) == 0 }
  }

  /// Whether we are root, or there is a sudo to ask.
  static var isReachable: Bool { geteuid() == 0 || finds("sudo") }

  /// The command with sudo in front, unless we are root already.
  static func command(_ words: [String]) throws -> [String] {
    if geteuid() == 0 { return words }
    guard finds("sudo") else {
      throw ToolError.refused("only root may run '\(words.joined(separator: " "))', and there is no sudo here")
    }
    return ["sudo"] + words
  }

  /// Throws, with the reason, where not even root may have a mount namespace and mount something in it.
  static func requireMounts() throws {
    let probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "martlet-probe", "/mnt"]
    let (status, text) = try Shell.result(command(probe))
    guard status == 0 else {
      let said = text.split(separator: "\n").last.map(String.init) ?? "status \(status)"
      throw ToolError.refused("this machine does not let root unshare and mount (\(said))")
    }
  }
}
