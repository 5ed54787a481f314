// SPDX-License-Identifier: Apache-2.0
// The gzip container (RFC 1952): members of a header, a Deflate stream, and the data's CRC-32 and length.

/// gzip files.
public enum Gzip {
  /// Decompresses the member at the start of `input` and the members that follow it directly.
  ///
  /// - Throws: `truncated`, `corrupt`, `checksumMismatch`, `outputTooSmall`, `unsupportedMethod`, `workspaceTooSmall`.
  public static func decompress(
    _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, workspace: inout Workspace
  ) throws(DecompressionError) -> Decompressed {
    try workspace.checkSize()
    CRC32.prepare(&workspace.words)
    var reader = ByteReader(input)
    var written = 0
    repeat {
      try checkHeader(&reader, workspace.words)
      var room = output._mutatingExtracting(droppingFirst: written)
      let length = try Inflate.decode(&reader, into: &room, workspace: &workspace)
      let crc = try reader.littleEndian32()
      let size = try reader.littleEndian32()
      guard size == UInt32(truncatingIfNeeded: length) else { throw .corrupt }
      guard crc == CRC32.of(room.span.extracting(first: length), workspace.words) else { throw .checksumMismatch }
      written = written &+ length
    } while CompressionFormat(prefixOf: reader.rest) == .gzip
    return Decompressed(outputCount: written, inputCount: reader.position)
  }

  /// Reads one member's header; nothing in it matters for the data.
  private static func checkHeader(
    _ reader: inout ByteReader, _ words: borrowing MutableSpan<UInt32>
  ) throws(DecompressionError) {
    let header = reader.rest
    let start = reader.position
    guard try reader.littleEndian16() == 0x8B1F else { throw .corrupt }
    guard try reader.byte() == 8 else { throw .unsupportedMethod }
    let flags = try reader.byte()
    guard flags & 0xE0 == 0 else { throw .unsupportedMethod }
    // Time, extra flags, operating system.
    try reader.skip(6)
    if flags & 0x04 != 0 { try reader.skip(try reader.littleEndian16()) }
    // File name and comment, each ended by a zero.
    if flags & 0x08 != 0 { while try reader.byte() != 0 {} }
    if flags & 0x10 != 0 { while try reader.byte() != 0 {} }
    if flags & 0x02 != 0 {
      let crc = CRC32.of(header.extracting(first: reader.position &- start), words)
      guard try reader.littleEndian16() == Int(crc & 0xFFFF) else { throw .checksumMismatch }
    }
  }
}
