// SPDX-License-Identifier: Apache-2.0
// What LZMA remembers between the chunks of an LZMA2 stream, and where each of its adaptive probabilities lives.

/// The part of an LZMA decoder's state that outlives a chunk, apart from its probabilities.
struct LZMAState {
  /// The last four match distances, each less one.
  var distance0 = 0
  var distance1 = 0
  var distance2 = 0
  var distance3 = 0
  /// What the last few symbols were, 0...11: below 7 the last was a literal.
  var history = 0
  /// How many high bits of the previous byte choose a literal's tree ("lc").
  var literalContextBits = 0
  /// Mask of the position's low bits that choose a literal's tree ("lp").
  var literalPositionMask = 0
  /// Mask of the position's low bits that choose the other probabilities ("pb").
  var positionMask = 0

  /// Takes over the properties byte of a chunk.
  /// - Throws: `corrupt` for values that LZMA2 does not allow (lc + lp at most 4, pb at most 4).
  mutating func setProperties(_ byte: UInt8) throws(DecompressionError) {
    guard byte <= (4 * 5 + 4) * 9 + 8 else { throw .corrupt }
    let contextBits = Int(byte) % 9
    let positionBits = Int(byte) / 9 % 5
    guard contextBits &+ positionBits <= 4 else { throw .corrupt }
    literalContextBits = contextBits
    literalPositionMask = (1 &<< positionBits) &- 1
    positionMask = (1 &<< (Int(byte) / 45)) &- 1
  }

  /// Forgets distances and history, and sets every probability to one half.
  mutating func reset(_ probabilities: inout MutableSpan<UInt16>) {
    distance0 = 0
    distance1 = 0
    distance2 = 0
    distance3 = 0
    history = 0
    guard probabilities.count >= LZMALayout.count else { return }
    // Only the literal trees that the properties can reach need it.
    let trees = (literalPositionMask &+ 1) &<< literalContextBits
    let used = Swift.min(LZMALayout.count, LZMALayout.literals &+ trees &* LZMALayout.literalTreeSize)
    for index in 0..<used { probabilities[index] = 1024 }
  }
}

/// Offsets into the probability array.
enum LZMALayout {
  /// Literal or match, by history and position: 12 x 16.
  static var isMatch: Int { 0 }
  /// Match or repeated match, by history.
  static var isRepeat: Int { 192 }
  /// Repeated match: is it not the last distance.
  static var isRepeat0Not: Int { 208 }
  /// Repeated match: is it not the last but one.
  static var isRepeat1Not: Int { 224 }
  /// Repeated match: is it the fourth.
  static var isRepeat2Not: Int { 240 }
  /// Last distance: more than one byte, by history and position: 12 x 16.
  static var isRepeat0Long: Int { 256 }
  /// Distance slot, four trees of 6 bits by length.
  static var slots: Int { 448 }
  /// Low distance bits of slots 4...13, reverse trees.
  static var spread: Int { 704 }
  /// The lowest four bits of distances of slots from 14 on, a reverse tree.
  static var align: Int { 832 }
  /// Length of a match: see `lengthTreesSize`.
  static var matchLength: Int { 848 }
  /// Length of a repeated match.
  static var repeatLength: Int { 848 + lengthTreesSize }
  /// One length coder: two choices, low 16 x 8, middle 16 x 8, high 256.
  static var lengthTreesSize: Int { 16 + 128 + 128 + 256 }
  /// Offset of the low trees in a length coder.
  static var lengthLow: Int { 16 }
  /// Offset of the middle trees in a length coder.
  static var lengthMiddle: Int { 144 }
  /// Offset of the high tree in a length coder.
  static var lengthHigh: Int { 272 }
  /// Literal trees, up to 16.
  static var literals: Int { 848 + 2 * lengthTreesSize }
  /// One literal tree: 256 plain, 512 for literals after a match.
  static var literalTreeSize: Int { 768 }
  /// Size of the array: the next power of two, so that a mask keeps every index inside.
  static var count: Int { 0x4000 }
  /// The mask of an index.
  static var mask: Int { 0x3FFF }
}
