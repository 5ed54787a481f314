// SPDX-License-Identifier: Apache-2.0
// The XZ container ("The .xz File Format", version 1.1.0): streams of blocks, each block filtered and checked, an index
// that is compared with the blocks found, a footer that mirrors the header.

/// XZ files: LZMA2, alone or behind the x86 branch filter; no check, CRC-32 or CRC-64.
public enum XZ {
  /// The six bytes at the start of a stream, as a little-endian number.
  static var magic: UInt64 { 0x005A_587A_37FD }

  /// Decompresses the stream at the start of `input`, and those that follow it directly or after stream padding.
  ///
  /// - Throws: `truncated`, `corrupt`, `checksumMismatch`, `outputTooSmall`, `unsupportedMethod`, `unsupportedCheck`,
  ///   `workspaceTooSmall`.
  public static func decompress(
    _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, workspace: inout Workspace
  ) throws(DecompressionError) -> Decompressed {
    try workspace.checkSize()
    CRC32.prepare(&workspace.words)
    var reader = ByteReader(input)
    var written = 0
    while true {
      var room = output._mutatingExtracting(droppingFirst: written)
      written = written &+ (try decodeStream(&reader, into: &room, workspace: &workspace))
      // Stream padding is zeros, a multiple of four bytes; it is only passed over if another stream follows.
      var ahead = reader
      while ahead.remaining >= 4, ahead.rest[0] == 0 {
        guard try ahead.littleEndian32() == 0 else { break }
      }
      guard CompressionFormat(prefixOf: ahead.rest) == .xz else { break }
      reader = ahead
    }
    return Decompressed(outputCount: written, inputCount: reader.position)
  }

  private static func decodeStream(
    _ reader: inout ByteReader, into output: inout MutableSpan<UInt8>, workspace: inout Workspace
  ) throws(DecompressionError) -> Int {
    guard try reader.littleEndian(bytes: 6) == magic else { throw .corrupt }
    let flags = try reader.take(2)
    let flagsValue = Int(flags[0]) | Int(flags[1]) &<< 8
    guard try reader.littleEndian32() == CRC32.of(flags, workspace.words) else { throw .checksumMismatch }
    guard flags[0] == 0, flags[1] < 16 else { throw .unsupportedMethod }
    guard let check = XZCheck(rawValue: flags[1]) else { throw .unsupportedCheck }
    if check == .crc64 { CRC64.prepare(&workspace.words) }

    var written = 0
    var blocks = XZBlockList()
    while true {
      if try reader.peek() == 0 { break }
      var room = output._mutatingExtracting(droppingFirst: written)
      let block = try decodeBlock(&reader, check, into: &room, workspace: &workspace)
      blocks.append(block)
      written = written &+ block.uncompressedSize
    }
    let indexSize = try checkIndex(&reader, blocks, workspace.words)

    let footerCRC = try reader.littleEndian32()
    guard footerCRC == CRC32.of(reader.rest.extracting(first: 6), workspace.words) else {
      throw reader.remaining < 6 ? .truncated : .checksumMismatch
    }
    let backwardSize = Int(try reader.littleEndian32())
    guard (backwardSize &+ 1) &* 4 == indexSize, try reader.littleEndian16() == flagsValue else { throw .corrupt }
    guard try reader.littleEndian16() == 0x5A59 else { throw .corrupt }
    return written
  }

  private static func decodeBlock(
    _ reader: inout ByteReader, _ check: XZCheck, into output: inout MutableSpan<UInt8>, workspace: inout Workspace
  ) throws(DecompressionError) -> XZBlock {
    let start = reader.position
    let header = try XZBlockHeader(&reader, workspace.words)

    let dataStart = reader.position
    let size = try LZMA2.decode(&reader, into: &output, workspace: &workspace)
    let compressedSize = reader.position &- dataStart
    guard
      header.compressedSize.map({ $0 == compressedSize }) ?? true, header.uncompressedSize.map({ $0 == size }) ?? true
    else { throw .corrupt }
    if let filterStart = header.branchFilterStart {
      var filtered = output._mutatingExtracting(first: size)
      X86BranchFilter.undo(&filtered, start: filterStart)
    }

    // Block padding, then the check over the unfiltered bytes.
    let padding = (0 &- compressedSize) & 3
    guard try reader.littleEndian(bytes: padding) == 0 else { throw .corrupt }
    let data = output.span.extracting(first: size)
    switch check {
    case .none: break
    case .crc32:
      guard try reader.littleEndian32() == CRC32.of(data, workspace.words) else { throw .checksumMismatch }
    case .crc64:
      guard try reader.littleEndian(bytes: 8) == CRC64.of(data, workspace.words) else { throw .checksumMismatch }
    }
    return XZBlock(unpaddedSize: reader.position &- start &- padding, uncompressedSize: size)
  }

  /// Reads the index and compares it with the blocks.
  /// - Returns: the index's size in bytes.
  private static func checkIndex(
    _ reader: inout ByteReader, _ blocks: XZBlockList, _ words: borrowing MutableSpan<UInt32>
  ) throws(DecompressionError) -> Int {
    let whole = reader.rest
    let start = reader.position
    guard try reader.byte() == 0, try reader.variableLength() == blocks.count else { throw .corrupt }
    var listed = XZBlockList()
    // As many as blocks were decoded, so no more than the input has bytes.
    while listed.count < blocks.count {
      let unpaddedSize = try reader.variableLength()
      listed.append(XZBlock(unpaddedSize: unpaddedSize, uncompressedSize: try reader.variableLength()))
    }
    guard listed == blocks else { throw .corrupt }
    while (reader.position &- start) & 3 != 0 {
      guard try reader.byte() == 0 else { throw .corrupt }
    }
    let checked = whole.extracting(first: reader.position &- start)
    guard try reader.littleEndian32() == CRC32.of(checked, words) else { throw .checksumMismatch }
    return reader.position &- start
  }
}

/// The integrity checks of XZ that are implemented, by their ID.
enum XZCheck: UInt8 {
  case none = 0
  case crc32 = 1
  case crc64 = 4
}

/// The two sizes that the index holds for a block, in bytes.
struct XZBlock {
  /// Header, compressed data and check, without the padding.
  let unpaddedSize: Int
  let uncompressedSize: Int
}

/// What is kept of the list of blocks to compare it with the index: there is no room for the list itself.
struct XZBlockList: Equatable {
  private(set) var count = 0
  private var digest: UInt64 = 0

  mutating func append(_ block: XZBlock) {
    count = count &+ 1
    mix(block.unpaddedSize)
    mix(block.uncompressedSize)
  }

  private mutating func mix(_ size: Int) {
    digest = (digest ^ UInt64(truncatingIfNeeded: size)) &* 0x9E37_79B9_7F4A_7C15
    digest = digest ^ digest &>> 29
  }
}

extension ByteReader {
  /// A variable-length integer of XZ: seven bits per byte, least significant first, at most nine bytes.
  mutating func variableLength() throws(DecompressionError) -> Int {
    var value = 0
    var shift = 0
    while shift < 63 {
      let byte = try byte()
      value = value | Int(byte & 0x7F) &<< shift
      if byte & 0x80 == 0 {
        // The shortest form is the only one.
        guard byte != 0 || shift == 0 else { throw .corrupt }
        return value
      }
      shift = shift &+ 7
    }
    throw .corrupt
  }
}
