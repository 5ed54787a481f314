// SPDX-License-Identifier: Apache-2.0
// Scratch memory for the decompressors. Their tables are far larger than a hypervisor stack, and there is no heap, so
// the caller lends three pieces of memory (224 KiB in all) for the time of one call. What they hold before and after is
// of no interest; the formats overlap in them.

/// Scratch memory lent by the caller to `decompress`, whose contents before and after mean nothing.
public struct Workspace: ~Copyable, ~Escapable {
  /// Bytes that `bytes` needs: decoded literals of one Zstandard block.
  public static var byteCount: Int { 0x2_0000 }
  /// 16-bit words that `halfwords` needs: LZMA probabilities, Huffman tables.
  public static var halfwordCount: Int { 0x8000 }
  /// 32-bit words that `words` needs: CRC tables, decoding tables.
  public static var wordCount: Int { 0x2000 }

  var bytes: MutableSpan<UInt8>
  var halfwords: MutableSpan<UInt16>
  var words: MutableSpan<UInt32>

  /// A workspace over three pieces of memory of at least `byteCount`, `halfwordCount` and `wordCount` elements.
  /// Shorter ones are not an error here: `decompress` then throws `DecompressionError.workspaceTooSmall`.
  @_lifetime(copy bytes, copy halfwords, copy words)
  /// A workspace over three buffers, which must have at least the sizes above.
  public init(
    bytes: consuming MutableSpan<UInt8>, halfwords: consuming MutableSpan<UInt16>, words: consuming MutableSpan<UInt32>
  ) {
    self.bytes = bytes
    self.halfwords = halfwords
    self.words = words
  }

  /// Checks the three sizes.
  func checkSize() throws(DecompressionError) {
    guard
      bytes.count >= Self.byteCount, halfwords.count >= Self.halfwordCount, words.count >= Self.wordCount
    else { throw .workspaceTooSmall }
  }
}
