// SPDX-License-Identifier: Apache-2.0
// Deflate (RFC 1951): stored blocks, and blocks of Huffman-coded literals and matches with fixed or transmitted codes.
// The output is the window.

/// A Deflate stream.
enum Inflate {
  /// Decodes the stream at the reader into `output`, and leaves the reader behind its last byte.
  ///
  /// - Returns: how many bytes of `output` were written.
  /// - Throws: `truncated`, `corrupt`, `outputTooSmall`.
  static func decode(
    _ reader: inout ByteReader, into output: inout MutableSpan<UInt8>, workspace: inout Workspace
  ) throws(DecompressionError) -> Int {
    let input = reader.rest
    var bits = ForwardBitReader(input)
    var position = 0
    do throws(DecompressionError) {
      var isLast = false
      while !isLast {
        try bits.refill()
        isLast = bits.take(1) == 1
        position = try decodeBlock(&bits, into: &output, at: position, workspace: &workspace)
      }
    } catch {
      // Zeros are read beyond the end of the input; what is wrong with them is that they are not there.
      throw bits.bytePosition > input.count ? .truncated : error
    }
    try reader.skip(bits.bytePosition)
    return position
  }

  private static func decodeBlock(
    _ bits: inout ForwardBitReader, into output: inout MutableSpan<UInt8>, at position: Int, workspace: inout Workspace
  ) throws(DecompressionError) -> Int {
    let literals: Int
    let distances: Int
    switch bits.take(2) {
    case 0:
      return try copyStored(&bits, into: &output, at: position)
    case 1:
      setFixedLengths(&workspace.halfwords)
      (literals, distances) = (288, 32)
    case 2:
      (literals, distances) = try readLengths(&bits, &workspace.halfwords)
    default:
      throw .corrupt
    }
    return try decodeSymbols(
      &bits, into: &output, at: position, &workspace.halfwords, literals: literals, distances: distances)
  }

  private static func copyStored(
    _ bits: inout ForwardBitReader, into output: inout MutableSpan<UInt8>, at position: Int
  ) throws(DecompressionError) -> Int {
    var reader = ByteReader(try bits.alignedRest())
    let length = try reader.littleEndian16()
    guard try reader.littleEndian16() == length ^ 0xFFFF else { throw .corrupt }
    let source = try reader.take(length)
    guard length <= output.count &- position else { throw .outputTooSmall }
    output.copyLiterals(from: source, at: 0, to: position, length: length)
    bits.resume(after: reader.position)
    return position &+ length
  }

  private static func setFixedLengths(_ halfwords: inout MutableSpan<UInt16>) {
    guard halfwords.count >= DeflateLayout.halfwordCount else { return }
    for symbol in 0..<320 {
      let length: UInt16 = symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : symbol < 288 ? 8 : 5
      halfwords[DeflateLayout.lengths &+ symbol] = length
    }
  }

  /// Reads the code lengths in front of a block with its own codes, to `DeflateLayout.lengths`.
  private static func readLengths(
    _ bits: inout ForwardBitReader, _ halfwords: inout MutableSpan<UInt16>
  ) throws(DecompressionError) -> (literals: Int, distances: Int) {
    guard halfwords.count >= DeflateLayout.halfwordCount else { throw .workspaceTooSmall }
    try bits.refill()
    let literals = bits.take(5) &+ 257
    let distances = bits.take(5) &+ 1
    let lengthCodes = bits.take(4) &+ 4
    guard literals <= 286, distances <= 30 else { throw .corrupt }

    for index in 0..<19 { halfwords[DeflateLayout.lengths &+ index] = 0 }
    for index in 0..<lengthCodes {
      try bits.refill()
      halfwords[(DeflateLayout.lengths &+ orderOfLengths(index)) & DeflateLayout.mask] =
        UInt16(truncatingIfNeeded: bits.take(3))
    }
    // The distance code's place is free until its own lengths are known.
    let lengthCode = DeflateLayout.distanceCode
    try lengthCode.build(&halfwords, lengths: DeflateLayout.lengths, count: 19)

    var index = 0
    let total = literals &+ distances
    var previous: UInt16 = 0
    while index < total {
      try bits.refill()
      let symbol = try lengthCode.symbol(&bits, halfwords.span)
      var times = 1
      switch symbol {
      case 0...15: previous = UInt16(truncatingIfNeeded: symbol)
      case 16:
        guard index > 0 else { throw .corrupt }
        times = 3 &+ bits.take(2)
      case 17:
        previous = 0
        times = 3 &+ bits.take(3)
      default:
        previous = 0
        times = 11 &+ bits.take(7)
      }
      guard times <= total &- index else { throw .corrupt }
      for _ in 0..<times {
        halfwords[(DeflateLayout.lengths &+ index) & DeflateLayout.mask] = previous
        index = index &+ 1
      }
    }
    // A block that cannot end is none.
    guard halfwords[DeflateLayout.lengths &+ 256] != 0 else { throw .corrupt }
    return (literals, distances)
  }

  /// The code length symbol that the length at `index` belongs to: 16, 17, 18, 0, 8, 7, 9, 6, ... as the RFC lists
  /// them.
  private static func orderOfLengths(_ index: Int) -> Int {
    if index < 3 { return 16 &+ index }
    if index == 3 { return 0 }
    let step = index &- 4
    return step & 1 == 0 ? 8 &+ step &>> 1 : 7 &- step &>> 1
  }

  @inline(never)
  private static func decodeSymbols(
    _ bits: inout ForwardBitReader, into output: inout MutableSpan<UInt8>, at start: Int,
    _ halfwords: inout MutableSpan<UInt16>, literals: Int, distances: Int
  ) throws(DecompressionError) -> Int {
    let literalCode = DeflateLayout.literalCode
    try literalCode.build(&halfwords, lengths: DeflateLayout.lengths, count: literals)
    let distanceCode = DeflateLayout.distanceCode
    try distanceCode.build(&halfwords, lengths: DeflateLayout.lengths &+ literals, count: distances)

    let array = halfwords.span.extracting(first: DeflateLayout.halfwordCount)
    guard array.count == DeflateLayout.halfwordCount, start >= 0 else { throw .workspaceTooSmall }
    var window = output._mutatingExtracting(droppingFirst: 0)
    var position = start
    while true {
      // Enough for both symbols of a match and their extra bits: 15 + 5 + 15 + 13.
      try bits.refill()
      var symbol = try literalCode.symbol(&bits, array)
      if symbol < 256 {
        guard position < window.count else { throw .outputTooSmall }
        window[position] = UInt8(truncatingIfNeeded: symbol)
        position = position &+ 1
        continue
      }
      if symbol == 256 { break }

      symbol = symbol &- 257
      var length = symbol &+ 3
      if symbol >= 8 {
        guard symbol <= 28 else { throw .corrupt }
        let extra = symbol &>> 2 &- 1
        length = symbol == 28 ? 258 : (4 | symbol & 3) &<< extra &+ 3 &+ bits.take(extra)
      }
      let slot = try distanceCode.symbol(&bits, array)
      var distance = slot &+ 1
      if slot >= 4 {
        guard slot <= 29 else { throw .corrupt }
        let extra = slot &>> 1 &- 1
        distance = (2 | slot & 1) &<< extra &+ 1 &+ bits.take(extra)
      }
      guard distance <= position else { throw .corrupt }
      guard length <= window.count &- position else { throw .outputTooSmall }
      window.copyMatch(to: position, distance: distance, length: length)
      position = position &+ length
    }
    return position
  }
}
