// SPDX-License-Identifier: Apache-2.0
//
// What the command says: results on standard output, progress and errors on standard error, each line at once (a pipe
// would otherwise hold lines back until the end of a long test run).

import Foundation

enum Report {
  /// Writes one line of results.
  static func line(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

  /// Says which step is under way.
  static func step(_ text: String) { FileHandle.standardError.write(Data("martlet: \(text)\n".utf8)) }

  /// Says what went wrong.
  static func error(_ text: String) { FileHandle.standardError.write(Data("martlet: error: \(text)\n".utf8)) }
}
