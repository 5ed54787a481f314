// SPDX-License-Identifier: Apache-2.0
//
// What decoding can end in. Each case asks for something different from the caller, so none is folded into another.

/// The outcome of decoding one instruction.
public enum DecodeResult<Decoded> {
  /// The instruction, all of its bytes seen.
  case decoded(Decoded)
  /// The bytes given end inside the instruction. The caller's fetch stopped early (the next page cannot be read):
  /// deliver the fetch's own page fault, or treat the instruction as not ours.
  case needMoreBytes
  /// More than 15 bytes: the CPU raises #GP(0).
  case tooLong
  /// An encoding that the CPU refuses with #UD, such as LOCK on an instruction that cannot be locked.
  case invalid
  /// Outside the repertoire of this decoder; nothing is said about its validity.
  case unsupported
}

extension DecodeResult {
  /// The same outcome with the decoded value, if any, transformed.
  func map<Other>(_ transform: (Decoded) -> Other) -> DecodeResult<Other> {
    switch self {
    case .decoded(let value): .decoded(transform(value))
    case .needMoreBytes: .needMoreBytes
    case .tooLong: .tooLong
    case .invalid: .invalid
    case .unsupported: .unsupported
    }
  }
}

extension DecodeResult: Equatable where Decoded: Equatable {}
extension DecodeResult: Sendable where Decoded: Sendable {}
