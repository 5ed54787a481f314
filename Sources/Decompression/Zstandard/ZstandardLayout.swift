// SPDX-License-Identifier: Apache-2.0
// Where Zstandard's tables are in the workspace. Sizes are powers of two so that masks keep every index inside.

/// Offsets into the workspace for Zstandard.
enum ZstandardLayout {
  // In `halfwords`.

  /// Literal decoding table, up to 2048 entries: `length << 8 | byte`.
  static var huffman: Int { 0 }
  /// Weights of the literal code, up to 256.
  static var weights: Int { 2048 }
  /// Probabilities of an FSE distribution, up to 256; 0xFFFF is the "less than one" of the RFC.
  static var probabilities: Int { 2304 }
  /// Next state of each symbol while a table is built, up to 256.
  static var nextStates: Int { 2560 }
  static var halfwordCount: Int { 4096 }
  static var halfwordMask: Int { 4095 }

  // In `words`, two words per state: see `FSETable`.

  /// Literal length table, 512 states.
  static var literalLengths: Int { 0 }
  /// Match length table, 512 states.
  static var matchLengths: Int { 1024 }
  /// Offset table, 256 states.
  static var offsets: Int { 2048 }
  /// Table of literal weights, 64 states.
  static var weightStates: Int { 2560 }
  static var wordCount: Int { 4096 }
  static var wordMask: Int { 4095 }
}
