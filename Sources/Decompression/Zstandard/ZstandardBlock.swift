// SPDX-License-Identifier: Apache-2.0
// Compressed blocks of Zstandard (RFC 8878, 3.1.1.3): the literals section here, the sequences in a file of their own.

/// What Zstandard remembers between the blocks of one frame; the tables themselves are in the workspace.
struct ZstandardState {
  /// The last three offsets.
  var offset1 = 1
  var offset2 = 4
  var offset3 = 8
  /// Logarithms of the sizes of the three sequence tables; -1 before there is one.
  var literalLengthLog = -1
  var matchLengthLog = -1
  var offsetLog = -1
  /// The literals' code.
  var literalCode = LiteralCode()

  /// Decodes one compressed block.
  ///
  /// - Parameters:
  ///   - block: the block's content.
  ///   - window: the frame's output from its start.
  ///   - position: where in `window` the block begins.
  ///   - limit: the most bytes that the block may give.
  /// - Returns: where in `window` the block ends.
  /// - Throws: `corrupt`, `outputTooSmall`.
  mutating func decodeBlock(
    _ block: Span<UInt8>, into window: inout MutableSpan<UInt8>, at position: Int, limit: Int,
    workspace: inout Workspace
  ) throws(DecompressionError) -> Int {
    var reader = ByteReader(block)
    do throws(DecompressionError) {
      let literals = try readLiterals(&reader, limit: limit, workspace: &workspace)
      let sequences = try readSequencesHeader(&reader, workspace: &workspace)
      if let offset = literals.inputOffset {
        let source = block.extracting(droppingFirst: offset).extracting(first: literals.count)
        return try runSequences(
          reader.rest, count: sequences, literals: source, into: &window, at: position, limit: limit, workspace.words)
      }
      return try runSequences(
        reader.rest, count: sequences, literals: workspace.bytes.span.extracting(first: literals.count), into: &window,
        at: position, limit: limit, workspace.words)
    } catch {
      // The block is whole, so running out of it is no truncation of the input.
      throw error == .truncated ? .corrupt : error
    }
  }

  /// The literals of a block: raw ones stay in the block, at `inputOffset`; others are in the workspace's bytes.
  private struct Literals {
    let count: Int
    let inputOffset: Int?
  }

  private mutating func readLiterals(
    _ reader: inout ByteReader, limit: Int, workspace: inout Workspace
  ) throws(DecompressionError) -> Literals {
    let first = Int(try reader.peek())
    let kind = first & 3
    let format = first &>> 2 & 3
    if kind < 2 {
      // Raw, or one byte repeated. The size has 5, 12 or 20 bits.
      let headerSize = format == 1 ? 2 : format == 3 ? 3 : 1
      let header = Int(try reader.littleEndian(bytes: headerSize))
      let count = headerSize == 1 ? header &>> 3 : header &>> 4
      guard count <= limit, count <= Workspace.byteCount else { throw .corrupt }
      if kind == 0 {
        let offset = reader.position
        try reader.skip(count)
        return Literals(count: count, inputOffset: offset)
      }
      let byte = try reader.byte()
      var target = workspace.bytes._mutatingExtracting(first: count)
      target.update(repeating: byte)
      return Literals(count: count, inputOffset: nil)
    }

    // Huffman coded, with a code of its own (2) or the previous one (3). Two sizes of 10, 14 or 18 bits each.
    let headerSize = format < 2 ? 3 : format &+ 2
    let sizeBits = format < 2 ? 10 : format == 2 ? 14 : 18
    let header = Int(try reader.littleEndian(bytes: headerSize)) &>> 4
    let count = header & (1 &<< sizeBits &- 1)
    let compressedSize = header &>> sizeBits
    guard count <= limit, count <= Workspace.byteCount else { throw .corrupt }
    var streams = ByteReader(try reader.take(compressedSize))
    if kind == 2 { try literalCode.read(&streams, workspace: &workspace) }
    guard literalCode.longest > 0 else { throw .corrupt }

    if format == 0 {
      try literalCode.decode(
        streams.rest, workspace.halfwords, into: &workspace.bytes, at: 0, count: count)
      return Literals(count: count, inputOffset: nil)
    }
    // Four streams of equal shares, the last one with what is left.
    let size1 = try streams.littleEndian16()
    let size2 = try streams.littleEndian16()
    let size3 = try streams.littleEndian16()
    let share = (count &+ 3) / 4
    guard count &- 3 &* share >= 0 else { throw .corrupt }
    try literalCode.decode(
      try streams.take(size1), workspace.halfwords, into: &workspace.bytes, at: 0, count: share)
    try literalCode.decode(
      try streams.take(size2), workspace.halfwords, into: &workspace.bytes, at: share, count: share)
    try literalCode.decode(
      try streams.take(size3), workspace.halfwords, into: &workspace.bytes, at: 2 &* share, count: share)
    try literalCode.decode(
      streams.rest, workspace.halfwords, into: &workspace.bytes, at: 3 &* share, count: count &- 3 &* share)
    return Literals(count: count, inputOffset: nil)
  }
}
