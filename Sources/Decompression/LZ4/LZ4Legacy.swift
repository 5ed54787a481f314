// SPDX-License-Identifier: Apache-2.0
// The LZ4 legacy format, which Linux uses: a magic number, then blocks of 8 MiB each with a length in front. It has
// neither an end mark nor a checksum, so what is not an obvious block ends it.

/// LZ4 legacy files, as `lz4 -l` makes them.
public enum LZ4Legacy {
  /// The first four bytes as a little-endian number.
  static var magic: Int { 0x184C_2102 }
  /// What each block but the last expands to, in bytes.
  private static var blockSize: Int { 8 << 20 }

  /// Decompresses the blocks at the start of `input`.
  ///
  /// A block that expands to less than 8 MiB is the last. After a full one, the input may also end, or hold just four
  /// more bytes, which are then taken as the size that Linux appends.
  /// - Throws: `truncated`, `corrupt`, `outputTooSmall`. A stream cut between two blocks cannot be told from a
  ///   whole one.
  public static func decompress(
    _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>
  ) throws(DecompressionError) -> Decompressed {
    var reader = ByteReader(input)
    guard try reader.littleEndian32() == magic else { throw .unknownFormat }
    var written = 0
    while reader.remaining > 4 {
      let size = Int(try reader.littleEndian32())
      // Another stream may follow directly.
      if size == magic { continue }
      let block = try reader.take(size)
      let end = try LZ4Block.decode(block, into: &output, at: written, historyStart: written)
      let length = end &- written
      guard length <= blockSize else { throw .corrupt }
      written = end
      if length < blockSize, CompressionFormat(prefixOf: reader.rest) != .lz4Legacy { break }
    }
    return Decompressed(outputCount: written, inputCount: reader.position)
  }
}
