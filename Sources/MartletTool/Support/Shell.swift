// SPDX-License-Identifier: Apache-2.0
//
// Running a program to its end, for the steps of the verbs.

import Foundation

enum Shell {
  /// Runs a program and returns its standard output and error together with its status.
  static func result(
    _ arguments: [String], environment: [String: String] = [:], folder: String? = nil
  ) throws -> (status: Int32, text: String) {
    let path = NSTemporaryDirectory() + "/martlet-\(ProcessInfo.processInfo.globallyUniqueString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let child = try ChildProcess(arguments, environment: environment, folder: folder, output: .file(path))
    let status = child.wait()
    let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    return (status, text)
  }

  /// Runs a program that must succeed; what it said is shown only when it does not. Returns what it said.
  @discardableResult static func run(
    _ arguments: [String], environment: [String: String] = [:], folder: String? = nil, advice: String = ""
  ) throws -> String {
    let (status, text) = try result(arguments, environment: environment, folder: folder)
    guard status == 0 else {
      let command = arguments.joined(separator: " ")
      throw ToolError.failed("\(text)\n'\(command)' failed with status \(status)\(advice.isEmpty ? "" : ": " + advice)")
    }
    return text
  }
}
