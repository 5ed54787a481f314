// SPDX-License-Identifier: Apache-2.0
// The LZ4 frame format (version 1.6.x of its description): a header, blocks of bounded size, an end mark; each part may
// carry an XXH32 checksum, and all of them are verified.

/// LZ4 frames, as `lz4` makes them, and the skippable frames between them.
public enum LZ4Frame {
  /// The first four bytes as a little-endian number.
  static var magic: Int { 0x184D_2204 }

  /// Decompresses the frame at the start of `input` and the frames that follow it.
  ///
  /// - Throws: `truncated`, `corrupt`, `checksumMismatch`, `outputTooSmall`, `dictionaryRequired`, `unsupportedMethod`.
  public static func decompress(
    _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>
  ) throws(DecompressionError) -> Decompressed {
    var reader = ByteReader(input)
    var written = 0
    while true {
      guard try reader.littleEndian32() == magic else { throw .corrupt }
      written = try decodeFrame(&reader, into: &output, at: written)
      // Only another frame of this kind, with skippable ones before it, continues the stream.
      var ahead = reader
      while let magic = try? ahead.littleEndian32(), Zstandard.isSkippable(magic) {
        guard let size = try? ahead.littleEndian32(), (try? ahead.skip(Int(size))) != nil else { break }
      }
      let next = ahead.position >= 4 ? ahead.position &- 4 : 0
      guard CompressionFormat(prefixOf: input.extracting(droppingFirst: next)) == .lz4Frame else { break }
      try reader.skip(next &- reader.position)
    }
    return Decompressed(outputCount: written, inputCount: reader.position)
  }

  private static func decodeFrame(
    _ reader: inout ByteReader, into output: inout MutableSpan<UInt8>, at start: Int
  ) throws(DecompressionError) -> Int {
    let descriptor = reader.rest
    let descriptorStart = reader.position
    let flags = try reader.byte()
    let sizeFlags = try reader.byte()
    // Version 01, and reserved bits clear.
    guard flags &>> 6 == 1, flags & 0x02 == 0, sizeFlags & 0x8F == 0 else { throw .unsupportedMethod }
    let blocksAreIndependent = flags & 0x20 != 0
    let blocksHaveChecksums = flags & 0x10 != 0
    let hasContentChecksum = flags & 0x04 != 0
    let sizeCode = Int(sizeFlags &>> 4)
    guard sizeCode >= 4 else { throw .corrupt }
    let maximumBlockSize = 1 &<< (8 &+ 2 &* sizeCode)
    let contentSize: UInt64? = flags & 0x08 != 0 ? try reader.littleEndian(bytes: 8) : nil
    let needsDictionary = flags & 0x01 != 0
    if needsDictionary { try reader.skip(4) }
    let headerChecksum = XXH32.of(descriptor.extracting(first: reader.position &- descriptorStart)) &>> 8 & 0xFF
    guard try UInt32(reader.byte()) == headerChecksum else { throw .checksumMismatch }
    guard !needsDictionary else { throw .dictionaryRequired }

    var written = start
    while true {
      let word = try reader.littleEndian32()
      if word == 0 { break }
      let size = Int(word & 0x7FFF_FFFF)
      guard size <= maximumBlockSize else { throw .corrupt }
      let block = try reader.take(size)
      if blocksHaveChecksums {
        guard try reader.littleEndian32() == XXH32.of(block) else { throw .checksumMismatch }
      }
      let end: Int
      if word & 0x8000_0000 != 0 {
        guard size <= output.count &- written else { throw .outputTooSmall }
        output.copyLiterals(from: block, at: 0, to: written, length: size)
        end = written &+ size
      } else {
        end = try LZ4Block.decode(
          block, into: &output, at: written, historyStart: blocksAreIndependent ? written : start)
      }
      guard end &- written <= maximumBlockSize else { throw .corrupt }
      written = end
    }

    let content = output.span.extracting(droppingFirst: start).extracting(first: written &- start)
    guard contentSize.map({ $0 == UInt64(content.count) }) ?? true else { throw .corrupt }
    if hasContentChecksum {
      guard try reader.littleEndian32() == XXH32.of(content) else { throw .checksumMismatch }
    }
    return written
  }
}
