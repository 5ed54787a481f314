// SPDX-License-Identifier: Apache-2.0
// The Zstandard container (RFC 8878): frames of blocks, with an optional content size and checksum, and skippable
// frames.

/// Zstandard files, without dictionaries. The output is the window, so a window may have any size.
public enum Zstandard {
  /// The first four bytes of a frame as a little-endian number.
  static var magic: Int { 0xFD2F_B528 }
  /// The first of the sixteen magic numbers of skippable frames.
  static var skippableMagic: Int { 0x184D_2A50 }
  /// The most bytes that a block gives.
  private static var largestBlock: Int { 128 << 10 }

  /// Whether a frame that starts with `magic` is to be passed over.
  static func isSkippable(_ magic: UInt32) -> Bool { magic &>> 4 == UInt32(truncatingIfNeeded: skippableMagic) &>> 4 }

  /// Decompresses the frame at the start of `input` and the frames that follow it; skippable ones are passed over.
  ///
  /// - Throws: `truncated`, `corrupt`, `checksumMismatch`, `outputTooSmall`, `dictionaryRequired`, `unsupportedMethod`,
  ///   `workspaceTooSmall`.
  public static func decompress(
    _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, workspace: inout Workspace
  ) throws(DecompressionError) -> Decompressed {
    try workspace.checkSize()
    var reader = ByteReader(input)
    var written = 0
    repeat {
      let magic = try reader.littleEndian32()
      if isSkippable(magic) {
        try reader.skip(Int(try reader.littleEndian32()))
        continue
      }
      guard Int(magic) == Self.magic else { throw .corrupt }
      var window = output._mutatingExtracting(droppingFirst: written)
      written = written &+ (try decodeFrame(&reader, into: &window, workspace: &workspace))
    } while CompressionFormat(prefixOf: reader.rest) == .zstandard
    return Decompressed(outputCount: written, inputCount: reader.position)
  }

  private static func decodeFrame(
    _ reader: inout ByteReader, into window: inout MutableSpan<UInt8>, workspace: inout Workspace
  ) throws(DecompressionError) -> Int {
    let header = try ZstandardFrameHeader(&reader)
    let blockLimit = Int(Swift.min(UInt64(largestBlock), header.windowSize))
    var state = ZstandardState()
    var position = 0
    var isLast = false
    while !isLast {
      let word = Int(try reader.littleEndian(bytes: 3))
      isLast = word & 1 == 1
      let size = word &>> 3
      guard size <= blockLimit else { throw .corrupt }
      switch word &>> 1 & 3 {
      case 0:
        let source = try reader.take(size)
        guard size <= window.count &- position else { throw .outputTooSmall }
        window.copyLiterals(from: source, at: 0, to: position, length: size)
        position = position &+ size
      case 1:
        let byte = try reader.byte()
        guard size <= window.count &- position else { throw .outputTooSmall }
        var run = window._mutatingExtracting(position..<(position &+ size))
        run.update(repeating: byte)
        position = position &+ size
      case 2:
        let block = try reader.take(size)
        position = try state.decodeBlock(block, into: &window, at: position, limit: blockLimit, workspace: &workspace)
      default:
        throw .corrupt
      }
    }
    guard header.contentSize.map({ $0 == UInt64(position) }) ?? true else { throw .corrupt }
    if header.hasChecksum {
      let checksum = UInt32(truncatingIfNeeded: XXH64.of(window.span.extracting(first: position)))
      guard try reader.littleEndian32() == checksum else { throw .checksumMismatch }
    }
    return position
  }
}

/// A frame's header, after its magic number (RFC 8878, 3.1.1.1).
struct ZstandardFrameHeader {
  /// How far back matches reach, in bytes.
  let windowSize: UInt64
  /// What the whole frame expands to in bytes, if the header says.
  let contentSize: UInt64?
  /// Whether a checksum of the content follows the last block.
  let hasChecksum: Bool

  /// Reads the header at the reader.
  /// - Throws: `truncated`, `unsupportedMethod` for the reserved bit, `dictionaryRequired`.
  init(_ reader: inout ByteReader) throws(DecompressionError) {
    let descriptor = Int(try reader.byte())
    guard descriptor & 0x08 == 0 else { throw .unsupportedMethod }
    let isSingleSegment = descriptor & 0x20 != 0
    hasChecksum = descriptor & 0x04 != 0
    var window: UInt64 = 0
    if !isSingleSegment {
      let byte = UInt64(try reader.byte())
      let base: UInt64 = 1 &<< (10 &+ byte &>> 3)
      window = base &+ base &>> 3 &* (byte & 7)
    }
    let dictionarySize = (1 &<< (descriptor & 3)) &>> 1
    let dictionary = try reader.littleEndian(bytes: dictionarySize)
    // One byte is there only in a single segment; two bytes count from 256.
    let sizeCode = descriptor &>> 6
    let sizeBytes = sizeCode == 0 ? (isSingleSegment ? 1 : 0) : 1 &<< sizeCode
    if sizeBytes > 0 {
      let size = try reader.littleEndian(bytes: sizeBytes)
      contentSize = sizeBytes == 2 ? size &+ 256 : size
    } else {
      contentSize = nil
    }
    windowSize = isSingleSegment ? contentSize ?? 0 : window
    guard dictionary == 0 else { throw .dictionaryRequired }
  }
}
