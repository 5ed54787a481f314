// SPDX-License-Identifier: Apache-2.0
// The sequences of a Zstandard block (RFC 8878, 3.1.1.3.2 and 3.1.1.4): how many literals to copy, then which match;
// decoded and carried out in one pass.

extension ZstandardState {
  /// Reads the header of the sequences section, and its tables.
  /// - Returns: the number of sequences.
  /// - Throws: `truncated`, `corrupt`.
  mutating func readSequencesHeader(
    _ reader: inout ByteReader, workspace: inout Workspace
  ) throws(DecompressionError) -> Int {
    var count = Int(try reader.byte())
    if count == 0 {
      guard reader.remaining == 0 else { throw .corrupt }
      return 0
    }
    if count == 255 {
      count = try reader.littleEndian16() &+ 0x7F00
    } else if count >= 128 {
      count = (count &- 128) &<< 8 &+ Int(try reader.byte())
    }
    let modes = Int(try reader.byte())
    guard modes & 3 == 0 else { throw .corrupt }
    literalLengthLog = try readTable(&reader, modes &>> 6 & 3, .literalLengths, literalLengthLog, workspace: &workspace)
    offsetLog = try readTable(&reader, modes &>> 4 & 3, .offsets, offsetLog, workspace: &workspace)
    matchLengthLog = try readTable(&reader, modes &>> 2 & 3, .matchLengths, matchLengthLog, workspace: &workspace)
    return count
  }

  private func readTable(
    _ reader: inout ByteReader, _ mode: Int, _ symbols: FSESymbols, _ previous: Int, workspace: inout Workspace
  ) throws(DecompressionError) -> Int {
    switch mode {
    case 0: return try FSETable.buildDefault(symbols, workspace: &workspace)
    case 1: return try FSETable.buildSingle(symbols, Int(try reader.byte()), workspace: &workspace)
    case 2: return try FSETable.read(&reader, symbols, workspace: &workspace)
    default:
      guard previous >= 0 else { throw .corrupt }
      return previous
    }
  }

  /// Carries out `count` sequences, then copies the literals that are left.
  /// - Returns: where in `window` the block ends.
  /// - Throws: `corrupt`, `outputTooSmall`.
  @inline(never)
  mutating func runSequences(
    _ stream: Span<UInt8>, count: Int, literals: Span<UInt8>, into window: inout MutableSpan<UInt8>, at start: Int,
    limit: Int, _ words: borrowing MutableSpan<UInt32>
  ) throws(DecompressionError) -> Int {
    let table = words.span.extracting(first: ZstandardLayout.wordCount)
    guard table.count == ZstandardLayout.wordCount, start >= 0, start <= window.count else { throw .corrupt }
    var output = window._mutatingExtracting(droppingFirst: 0)
    // A block may give `limit` bytes, if there is room for them.
    let room = output.count &- start
    let end = start &+ Swift.min(limit, room)
    let overflow: DecompressionError = room < limit ? .outputTooSmall : .corrupt
    var position = start
    var literal = 0
    if count > 0 {
      var bits = try BackwardBitReader(stream)
      var (offset1, offset2, offset3) = (offset1, offset2, offset3)
      var literalState = bits.take(literalLengthLog)
      var offsetState = bits.take(offsetLog)
      var matchState = bits.take(matchLengthLog)
      var left = count
      while true {
        let literalEntry = ZstandardLayout.literalLengths &+ 2 &* (literalState & 511)
        let matchEntry = ZstandardLayout.matchLengths &+ 2 &* (matchState & 511)
        let offsetEntry = ZstandardLayout.offsets &+ 2 &* (offsetState & 255)
        let literalNext = Int(table[literalEntry &+ 1])
        let matchNext = Int(table[matchEntry &+ 1])
        let offsetNext = Int(table[offsetEntry &+ 1])

        bits.refill()
        var offset = Int(table[offsetEntry]) &+ bits.take(offsetNext &>> 24)
        let matchLength = Int(table[matchEntry]) &+ bits.take(matchNext &>> 24)
        bits.refill()
        let literalLength = Int(table[literalEntry]) &+ bits.take(literalNext &>> 24)

        // Values up to 3 mean an offset used before; without literals the last one is excluded.
        if offset > 3 {
          offset = offset &- 3
          offset3 = offset2
          offset2 = offset1
          offset1 = offset
        } else {
          let which = literalLength == 0 ? offset &+ 1 : offset
          switch which {
          case 1: break
          case 2: (offset1, offset2) = (offset2, offset1)
          case 3: (offset1, offset2, offset3) = (offset3, offset1, offset2)
          default: (offset1, offset2, offset3) = (offset1 &- 1, offset1, offset2)
          }
          offset = offset1
        }

        guard literalLength <= literals.count &- literal else { throw .corrupt }
        guard literalLength <= end &- position else { throw overflow }
        output.copyLiterals(from: literals, at: literal, to: position, length: literalLength)
        literal = literal &+ literalLength
        position = position &+ literalLength
        guard offset > 0, offset <= position else { throw .corrupt }
        guard matchLength <= end &- position else { throw overflow }
        output.copyMatch(to: position, distance: offset, length: matchLength)
        position = position &+ matchLength

        left = left &- 1
        if left == 0 { break }
        literalState = literalNext & 0xFFFF &+ bits.take(literalNext &>> 16 & 0xFF)
        matchState = matchNext & 0xFFFF &+ bits.take(matchNext &>> 16 & 0xFF)
        offsetState = offsetNext & 0xFFFF &+ bits.take(offsetNext &>> 16 & 0xFF)
        // Bounds the work on a stream that ran out: nothing but zeros would follow.
        guard bits.bitsLeft >= 0 else { throw .corrupt }
      }
      guard bits.bitsLeft == 0 else { throw .corrupt }
      (self.offset1, self.offset2, self.offset3) = (offset1, offset2, offset3)
    }
    let rest = literals.count &- literal
    guard rest <= end &- position else { throw overflow }
    output.copyLiterals(from: literals, at: literal, to: position, length: rest)
    return position &+ rest
  }
}
