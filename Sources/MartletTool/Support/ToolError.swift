// SPDX-License-Identifier: Apache-2.0
//
// The one error type of the command: a sentence for the person at the terminal, and an exit status.

/// A failure that ends the command. The message says what is wrong and, where that is known, what to do.
struct ToolError: Error {
  let message: String
  let status: Int32
  /// Whether it is this machine that does not let us, so that nothing is said about what was to be done or tested.
  var isRefusal = false

  /// Something did not work (exit status 1).
  static func failed(_ message: String) -> ToolError { ToolError(message: message, status: 1) }
  /// This machine refuses what is needed (exit status 1); a test that meets it is skipped.
  static func refused(_ message: String) -> ToolError { ToolError(message: message, status: 1, isRefusal: true) }
  /// The command line makes no sense (exit status 2).
  static func usage(_ message: String) -> ToolError { ToolError(message: message, status: 2) }
}
