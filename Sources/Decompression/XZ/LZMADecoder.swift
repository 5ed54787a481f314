// SPDX-License-Identifier: Apache-2.0
// LZMA's symbols: literals, matches, repeated matches. One call decodes one chunk of an LZMA2 stream; the output is the
// dictionary. `length` and `distance` must be expanded in place whatever the optimiser thinks of their size (`always`,
// not `__always`): a call would move the range decoder's state from registers to memory.

extension LZMAState {
  /// Decodes one chunk.
  ///
  /// - Parameters:
  ///   - input: the chunk's compressed bytes, exactly.
  ///   - probabilities: `LZMALayout.count` or more elements.
  ///   - window: everything since the last dictionary reset up to this chunk's end.
  ///   - start: where in `window` this chunk begins.
  /// - Throws: `corrupt`.
  @inline(never)
  mutating func decodeChunk(
    _ input: Span<UInt8>, probabilities: inout MutableSpan<UInt16>, window: inout MutableSpan<UInt8>, start: Int
  ) throws(DecompressionError) {
    // The sizes are checked here so that the compiler knows the array's when it checks masked indices.
    guard start >= 0, probabilities.count >= LZMALayout.count, input.count >= 5, input[0] == 0 else { throw .corrupt }
    var decoder = RangeDecoder(input: input, probabilities: probabilities._mutatingExtracting(first: LZMALayout.count))
    var output = window._mutatingExtracting(droppingFirst: 0)
    let end = output.count
    var position = start
    var state = self

    while position < end {
      let place = position & state.positionMask
      if !decoder.flag(LZMALayout.isMatch &+ state.history &* 16 &+ place) {
        let previous = position > 0 ? Int(output[position &- 1]) : 0
        let context =
          (position & state.literalPositionMask) &<< state.literalContextBits
          &+ previous &>> (8 &- state.literalContextBits)
        let base = LZMALayout.literals &+ context &* LZMALayout.literalTreeSize
        let byte: Int
        if state.history < 7 {
          byte = decoder.tree8(base)
        } else {
          // A match came just before, so `distance0` has been checked against an earlier position.
          guard state.distance0 < position else { throw .corrupt }
          byte = decoder.matchedByte(base, expected: Int(output[position &- state.distance0 &- 1]))
        }
        output[position] = UInt8(truncatingIfNeeded: byte)
        position = position &+ 1
        // 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5
        state.history = (0x5465_4321_0000 &>> (state.history &* 4)) & 15
        continue
      }

      let isAfterLiteral = state.history < 7
      let isNew = !decoder.flag(LZMALayout.isRepeat &+ state.history)
      if isNew {
        state.distance3 = state.distance2
        state.distance2 = state.distance1
        state.distance1 = state.distance0
        state.history = isAfterLiteral ? 7 : 10
      } else {
        if !decoder.flag(LZMALayout.isRepeat0Not &+ state.history) {
          if !decoder.flag(LZMALayout.isRepeat0Long &+ state.history &* 16 &+ place) {
            guard state.distance0 < position else { throw .corrupt }
            output[position] = output[position &- state.distance0 &- 1]
            position = position &+ 1
            state.history = isAfterLiteral ? 9 : 11
            continue
          }
        } else {
          let distance: Int
          if !decoder.flag(LZMALayout.isRepeat1Not &+ state.history) {
            distance = state.distance1
          } else {
            if !decoder.flag(LZMALayout.isRepeat2Not &+ state.history) {
              distance = state.distance2
            } else {
              distance = state.distance3
              state.distance3 = state.distance2
            }
            state.distance2 = state.distance1
          }
          state.distance1 = state.distance0
          state.distance0 = distance
        }
        state.history = isAfterLiteral ? 8 : 11
      }
      let length = decoder.length(isNew ? LZMALayout.matchLength : LZMALayout.repeatLength, place)
      if isNew { state.distance0 = decoder.distance(length) }
      // `distance0` is never negative and fits 32 bits. Neither may a match begin before the dictionary nor end after
      // the chunk.
      guard state.distance0 < position, length <= end &- position else { throw .corrupt }
      output.copyMatch(to: position, distance: state.distance0 &+ 1, length: length)
      position = position &+ length
    }
    guard decoder.isFinished() else { throw .corrupt }
    self = state
  }
}

extension RangeDecoder {
  /// A match length, 2...273, from the length coder at `base`.
  @inline(always)
  mutating func length(_ base: Int, _ place: Int) -> Int {
    var least = 2
    var tree = base &+ LZMALayout.lengthLow &+ place &* 8
    if flag(base) {
      if flag(base &+ 1) { return 18 &+ longTree8(base &+ LZMALayout.lengthHigh) }
      least = 10
      tree = tree &+ (LZMALayout.lengthMiddle - LZMALayout.lengthLow)
    }
    return least &+ tree3(tree)
  }

  /// A match distance less one, 0...0xFFFF_FFFF, for a match of `length` bytes.
  @inline(always)
  mutating func distance(_ length: Int) -> Int {
    let tree = Swift.min(length, 5) &- 2
    let slot = tree6(LZMALayout.slots &+ tree &* 64)
    guard slot >= 4 else { return slot }
    let bits = (slot &>> 1) &- 1
    let high = (2 | slot & 1) &<< bits
    if slot < 14 {
      return high &+ reverseTree(LZMALayout.spread &+ high &- slot, bits: bits)
    }
    let middle = direct(bits: bits &- 4)
    return high &+ middle &<< 4 &+ reverseTree(LZMALayout.align, bits: 4)
  }
}
