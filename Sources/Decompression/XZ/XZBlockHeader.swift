// SPDX-License-Identifier: Apache-2.0
// The header of one XZ block: optional sizes and the filter chain, of which two are known: LZMA2 alone, and the x86
// branch filter before it.

/// A parsed block header.
struct XZBlockHeader {
  /// Size of the compressed data in bytes, if the header says.
  private(set) var compressedSize: Int?
  /// Size after all filters are undone in bytes, if the header says.
  private(set) var uncompressedSize: Int?
  /// Start address given to the x86 branch filter; nil without that filter.
  private(set) var branchFilterStart: UInt32?

  /// Reads and checks the header at the reader.
  /// - Throws: `truncated`, `corrupt`, `checksumMismatch`, `unsupportedMethod` for other filters.
  init(_ reader: inout ByteReader, _ words: borrowing MutableSpan<UInt32>) throws(DecompressionError) {
    let size = (Int(try reader.peek()) &+ 1) &* 4
    let checked = try reader.take(size &- 4)
    guard try reader.littleEndian32() == CRC32.of(checked, words) else { throw .checksumMismatch }
    do throws(DecompressionError) {
      var fields = ByteReader(checked)
      try fields.skip(1)
      try read(&fields)
    } catch {
      // Running out of a header that is whole is no truncation of the input.
      throw error == .truncated ? .corrupt : error
    }
  }

  private mutating func read(_ fields: inout ByteReader) throws(DecompressionError) {
    let flags = try fields.byte()
    guard flags & 0x3C == 0 else { throw .unsupportedMethod }
    if flags & 0x40 != 0 { compressedSize = try fields.variableLength() }
    if flags & 0x80 != 0 { uncompressedSize = try fields.variableLength() }

    let filterCount = Int(flags & 3) &+ 1
    guard filterCount <= 2 else { throw .unsupportedMethod }
    if filterCount == 2 {
      guard try fields.variableLength() == 0x04 else { throw .unsupportedMethod }
      switch try fields.variableLength() {
      case 0: branchFilterStart = 0
      case 4: branchFilterStart = try fields.littleEndian32()
      default: throw .unsupportedMethod
      }
    }
    guard try fields.variableLength() == 0x21 else { throw .unsupportedMethod }
    // One byte of properties, the dictionary size. The output is the dictionary, so it only has to be a legal one.
    guard try fields.variableLength() == 1, try fields.byte() <= 40 else { throw .unsupportedMethod }
    while fields.remaining > 0 {
      guard try fields.byte() == 0 else { throw .unsupportedMethod }
    }
  }
}
