// SPDX-License-Identifier: Apache-2.0
// A canonical Huffman code of Deflate (RFC 1951, 3.2.2): a table for codes of up to ten bits, and the code's own
// arithmetic for the few that are longer.

/// Places of the Deflate tables in the workspace's halfwords.
enum DeflateLayout {
  static var halfwordCount: Int { 4096 }
  static var literalCode: DeflateCode { DeflateCode(table: 0, symbols: 2048, counts: 3584) }
  static var distanceCode: DeflateCode { DeflateCode(table: 1024, symbols: 2560, counts: 3600) }
  /// Code lengths as read, up to 320.
  static var lengths: Int { 3072 }
  /// The mask of an index.
  static var mask: Int { 4095 }
}

/// The places of one code in the workspace's halfwords, where all of it lives: a copy of this costs nothing.
struct DeflateCode {
  /// Offset of the table for short codes: for each value of the next ten bits, `symbol << 4 | length`, or 0.
  let table: Int
  /// Offset of the symbols in the order of their codes.
  let symbols: Int
  /// Offset of how many codes there are of each length, 0...15.
  let counts: Int

  static var tableBits: Int { 10 }

  /// Makes the code from `count` (at most 288) code lengths, 0...15, found in `halfwords` from `lengths` on.
  /// - Throws: `corrupt` if the lengths claim too many codes, or leave some unused (but for a code of one symbol).
  func build(
    _ halfwords: inout MutableSpan<UInt16>, lengths: Int, count: Int
  ) throws(DecompressionError) {
    var array = halfwords._mutatingExtracting(first: DeflateLayout.halfwordCount)
    guard array.count == DeflateLayout.halfwordCount else { throw .workspaceTooSmall }
    var counted = InlineArray<16, Int>(repeating: 0)
    for symbol in 0..<count {
      let length = Int(array[(lengths &+ symbol) & DeflateLayout.mask]) & 15
      counted[length] = counted[length] &+ 1
    }
    for index in 0..<(1 &<< Self.tableBits) { array[(table &+ index) & DeflateLayout.mask] = 0 }

    var nextCodes = InlineArray<16, Int>(repeating: 0)
    var nextPlaces = InlineArray<16, Int>(repeating: 0)
    var code = 0
    var place = 0
    for length in 1...15 {
      code = code &* 2
      nextCodes[length] = code
      nextPlaces[length] = place
      code = code &+ counted[length]
      place = place &+ counted[length]
      array[(counts &+ length) & DeflateLayout.mask] = UInt16(truncatingIfNeeded: counted[length])
      guard code <= 1 &<< length else { throw .corrupt }
    }
    guard code == 1 &<< 15 || place == 0 || (place == 1 && counted[1] == 1) else { throw .corrupt }

    for symbol in 0..<count {
      let length = Int(array[(lengths &+ symbol) & DeflateLayout.mask]) & 15
      guard length != 0 else { continue }
      array[(symbols &+ nextPlaces[length]) & DeflateLayout.mask] = UInt16(truncatingIfNeeded: symbol)
      nextPlaces[length] = nextPlaces[length] &+ 1
      let code = nextCodes[length]
      nextCodes[length] = code &+ 1
      guard length <= Self.tableBits else { continue }
      // Codes are packed starting from their most significant bit.
      var reversed = Int(UInt16(truncatingIfNeeded: code).bitReversed &>> UInt16(truncatingIfNeeded: 16 &- length))
      while reversed < 1 &<< Self.tableBits {
        array[(table &+ reversed) & DeflateLayout.mask] = UInt16(truncatingIfNeeded: symbol &<< 4 | length)
        reversed = reversed &+ 1 &<< length
      }
    }
  }

  /// Decodes one symbol, whose 15 bits are available.
  /// - Throws: `corrupt` for bits that are no code.
  @inline(__always)
  func symbol(
    _ bits: inout ForwardBitReader, _ array: Span<UInt16>
  ) throws(DecompressionError) -> Int {
    let entry = Int(array[(table &+ bits.peek(Self.tableBits)) & DeflateLayout.mask])
    if entry != 0 {
      bits.drop(entry & 15)
      return entry &>> 4
    }
    return try longSymbol(&bits, array)
  }

  @inline(never)
  private func longSymbol(
    _ bits: inout ForwardBitReader, _ array: Span<UInt16>
  ) throws(DecompressionError) -> Int {
    var code = 0
    var first = 0
    var place = 0
    for length in 1...15 {
      code = code &* 2 | bits.take(1)
      first = first &* 2
      let count = Int(array[(counts &+ length) & DeflateLayout.mask])
      if code &- first < count { return Int(array[(symbols &+ place &+ code &- first) & DeflateLayout.mask]) }
      first = first &+ count
      place = place &+ count
    }
    throw .corrupt
  }
}

extension UInt16 {
  /// The same bits in the opposite order.
  var bitReversed: UInt16 {
    var value = self
    value = (value & 0x5555) &<< 1 | value &>> 1 & 0x5555
    value = (value & 0x3333) &<< 2 | value &>> 2 & 0x3333
    value = (value & 0x0F0F) &<< 4 | value &>> 4 & 0x0F0F
    return value.byteSwapped
  }
}
