// SPDX-License-Identifier: Apache-2.0
// The LZ4 block format, which both LZ4 containers share: sequences of literals and one match, lengths and offsets in
// bytes.

/// One LZ4 block.
enum LZ4Block {
  /// Decodes `block` to `output` from `start` on.
  ///
  /// - Parameter historyStart: how far back in `output` matches may reach: `start`, or less for linked blocks.
  /// - Returns: where in `output` the block's data ends.
  /// - Throws: `corrupt`, also if the block ends within a sequence; `outputTooSmall`.
  @inline(never)
  static func decode(
    _ block: Span<UInt8>, into output: inout MutableSpan<UInt8>, at start: Int, historyStart: Int
  ) throws(DecompressionError) -> Int {
    var output = output._mutatingExtracting(droppingFirst: 0)
    guard start >= 0, start <= output.count, historyStart >= 0, historyStart <= start else { throw .corrupt }
    var read = 0
    var position = start
    while read < block.count {
      let token = Int(block[read])
      read = read &+ 1

      var literals = token &>> 4
      if literals == 15 { literals = try longLength(block, &read, literals) }
      guard literals <= block.count &- read else { throw .corrupt }
      guard literals <= output.count &- position else { throw .outputTooSmall }
      output.copyLiterals(from: block, at: read, to: position, length: literals)
      read = read &+ literals
      position = position &+ literals

      // The last sequence has no match.
      if read == block.count { return position }
      let offset = block.extracting(droppingFirst: read)
      guard offset.count >= 2 else { throw .corrupt }
      let distance = Int(offset[0]) | Int(offset[1]) &<< 8
      read = read &+ 2
      var length = token & 15
      if length == 15 { length = try longLength(block, &read, length) }
      length = length &+ 4
      guard distance != 0, distance <= position &- historyStart else { throw .corrupt }
      guard length <= output.count &- position else { throw .outputTooSmall }
      output.copyMatch(to: position, distance: distance, length: length)
      position = position &+ length
    }
    // Every block ends with literals.
    throw .corrupt
  }

  /// Adds up the bytes that continue a length of 15, through the first one below 255. They are no more than the block
  /// has bytes, so the sum stays far from overflow.
  @inline(__always)
  private static func longLength(
    _ block: Span<UInt8>, _ read: inout Int, _ start: Int
  ) throws(DecompressionError) -> Int {
    var length = start
    while read < block.count {
      let byte = Int(block[read])
      read = read &+ 1
      length = length &+ byte
      if byte != 255 { return length }
    }
    throw .corrupt
  }
}
