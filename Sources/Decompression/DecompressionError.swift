// SPDX-License-Identifier: Apache-2.0
// What can be wrong with a compressed image: one flat list for all formats, each case with a line for the console.

/// Why a compressed stream was refused.
public enum DecompressionError: Error, Equatable, Sendable {
  /// The first bytes are of no format known here.
  case unknownFormat
  /// The input ends before the stream does.
  case truncated
  /// The stream breaks a rule of its format.
  case corrupt
  /// The stream decodes, but a checksum in it says otherwise.
  case checksumMismatch
  /// The output is shorter than what the stream expands to.
  case outputTooSmall
  /// The stream is valid, but uses a filter, method or version that is not implemented.
  case unsupportedMethod
  /// The stream is protected by a checksum that is not implemented (for XZ: all but none, CRC32 and CRC64).
  case unsupportedCheck
  /// The stream was made with an external dictionary, which nobody can supply here.
  case dictionaryRequired
  /// The caller's `Workspace` is smaller than `Workspace` asks for.
  case workspaceTooSmall

  /// One line for a console, without a full stop.
  public var message: StaticString {
    switch self {
    case .unknownFormat: "not in a known compression format"
    case .truncated: "compressed data ends too early"
    case .corrupt: "compressed data is corrupt"
    case .checksumMismatch: "checksum of the compressed data does not match"
    case .outputTooSmall: "decompressed data does not fit into the memory set aside for it"
    case .unsupportedMethod: "compressed data uses a method or filter that is not supported"
    case .unsupportedCheck: "compressed data uses a checksum that is not supported"
    case .dictionaryRequired: "compressed data needs an external dictionary"
    case .workspaceTooSmall: "too little scratch memory for decompression"
    }
  }
}
