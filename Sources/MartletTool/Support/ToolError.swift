// SPDX-License-Identifier: Apache-2.0
//
// The one error type of the command: a sentence for the person at the terminal, and an exit status.

/// A failure that ends the command. The message says what is wrong and, where that is known, what to do.
struct ToolError: Error {
  let message: String
  let status: Int32

  /// Something did not work (exit status 1).
  static func failed(_ message: String) -> ToolError { ToolError(message: message, status: 1) }
  /// The command line makes no sense (exit status 2).
  static func usage(_ message: String) -> ToolError { ToolError(message: message, status: 2) }
}
