// SPDX-License-Identifier: Apache-2.0
// The Huffman code of Zstandard's literals (RFC 8878, 4.2): its weights, its table, its streams.

/// A Huffman code for literals; its table lives in the workspace's halfwords.
struct LiteralCode {
  /// Length of the longest code in bits, 1...11; 0 if no code was read yet.
  private(set) var longest = 0

  /// Reads the weights at the reader and builds the table.
  /// - Throws: `truncated`, `corrupt`.
  mutating func read(_ reader: inout ByteReader, workspace: inout Workspace) throws(DecompressionError) {
    longest = 0
    let header = Int(try reader.byte())
    let count: Int
    if header < 128 {
      count = try Self.readCompressedWeights(try reader.take(header), workspace: &workspace)
    } else {
      // Four bits each, the first one high.
      count = header &- 127
      let packed = try reader.take((count &+ 1) / 2)
      for index in 0..<count {
        let byte = packed[index &>> 1]
        Self.setWeight(&workspace.halfwords, index, Int(index & 1 == 0 ? byte &>> 4 : byte & 15))
      }
    }
    try build(count, &workspace.halfwords)
  }

  /// Reads weights that are themselves entropy coded, with two states that take turns.
  /// - Returns: how many there are, at most 255.
  private static func readCompressedWeights(
    _ bytes: Span<UInt8>, workspace: inout Workspace
  ) throws(DecompressionError) -> Int {
    var reader = ByteReader(bytes)
    let log = try FSETable.read(&reader, .weights, workspace: &workspace)
    var bits = try BackwardBitReader(reader.rest)
    var state = bits.take(log)
    var other = bits.take(log)
    guard bits.bitsLeft >= 0 else { throw .corrupt }
    var count = 0
    while true {
      guard count < 254 else { throw .corrupt }
      setWeight(&workspace.halfwords, count, weight(workspace.words, state))
      count = count &+ 1
      bits.refill()
      state = next(workspace.words, state, &bits)
      if bits.bitsLeft < 0 {
        // The other state has the last word.
        setWeight(&workspace.halfwords, count, weight(workspace.words, other))
        return count &+ 1
      }
      swap(&state, &other)
    }
  }

  private static func weight(_ words: borrowing MutableSpan<UInt32>, _ state: Int) -> Int {
    guard words.count >= ZstandardLayout.wordCount else { return 0 }
    return Int(words[ZstandardLayout.weightStates &+ 2 &* (state & 63)])
  }

  private static func next(
    _ words: borrowing MutableSpan<UInt32>, _ state: Int, _ bits: inout BackwardBitReader
  ) -> Int {
    guard words.count >= ZstandardLayout.wordCount else { return 0 }
    let entry = Int(words[ZstandardLayout.weightStates &+ 2 &* (state & 63) &+ 1])
    return entry & 0xFFFF &+ bits.take(entry &>> 16 & 0xFF)
  }

  private static func setWeight(_ halfwords: inout MutableSpan<UInt16>, _ index: Int, _ weight: Int) {
    guard halfwords.count >= ZstandardLayout.halfwordCount else { return }
    halfwords[ZstandardLayout.weights &+ index & 0xFF] = UInt16(truncatingIfNeeded: weight)
  }

  /// Builds the table from `count` (at most 255) weights; the next symbol's weight is what makes the code complete.
  private mutating func build(
    _ count: Int, _ halfwords: inout MutableSpan<UInt16>
  ) throws(DecompressionError) {
    guard halfwords.count >= ZstandardLayout.halfwordCount else { throw .workspaceTooSmall }
    // A symbol of weight w takes 2 to the power of w - 1 of the table's entries.
    var sum = 0
    for index in 0..<count {
      let weight = Int(halfwords[ZstandardLayout.weights &+ index & 0xFF])
      guard weight <= 11 else { throw .corrupt }
      sum = sum &+ (1 &<< weight) &>> 1
    }
    guard sum > 0 else { throw .corrupt }
    let bits = Int.bitWidth &- sum.leadingZeroBitCount
    guard bits <= 11 else { throw .corrupt }
    let missing = 1 &<< bits &- sum
    guard missing & (missing &- 1) == 0 else { throw .corrupt }
    halfwords[ZstandardLayout.weights &+ count & 0xFF] = UInt16(truncatingIfNeeded: missing.trailingZeroBitCount &+ 1)

    // Codes get shorter as weights grow; equal ones are in the order of their symbols.
    var entry = 0
    for weight in 1...11 {
      for symbol in 0...count {
        guard Int(halfwords[ZstandardLayout.weights &+ symbol & 0xFF]) == weight else { continue }
        let value = UInt16(truncatingIfNeeded: (bits &+ 1 &- weight) &<< 8 | symbol)
        for _ in 0..<(1 &<< (weight &- 1)) {
          halfwords[(ZstandardLayout.huffman &+ entry) & 2047] = value
          entry = entry &+ 1
        }
      }
    }
    guard entry == 1 &<< bits else { throw .corrupt }
    longest = bits
  }

  /// Decodes one stream that gives exactly `count` bytes, to `output` from `start` on.
  /// - Throws: `corrupt`.
  @inline(never)
  func decode(
    _ stream: Span<UInt8>, _ halfwords: borrowing MutableSpan<UInt16>, into output: inout MutableSpan<UInt8>,
    at start: Int, count: Int
  ) throws(DecompressionError) {
    let table = halfwords.span.extracting(first: ZstandardLayout.halfwordCount)
    guard table.count == ZstandardLayout.halfwordCount, longest > 0, start >= 0, count >= 0 else { throw .corrupt }
    var bytes = output._mutatingExtracting(droppingFirst: start)
    guard count <= bytes.count else { throw .corrupt }
    var bits = try BackwardBitReader(stream)
    let longest = longest
    var position = 0
    // Five codes of up to 11 bits per refill.
    while position <= count &- 5 {
      bits.refill()
      for _ in 0..<5 {
        let entry = table[bits.peek(longest) & 2047]
        bits.drop(Int(entry &>> 8))
        bytes[position] = UInt8(truncatingIfNeeded: entry)
        position = position &+ 1
      }
    }
    while position < count {
      bits.refill()
      let entry = table[bits.peek(longest) & 2047]
      bits.drop(Int(entry &>> 8))
      bytes[position] = UInt8(truncatingIfNeeded: entry)
      position = position &+ 1
    }
    guard bits.bitsLeft == 0 else { throw .corrupt }
  }
}
