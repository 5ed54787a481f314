// SPDX-License-Identifier: Apache-2.0
// The two copies that every format here is made of: literals from the input, and matches from the output's own past.
// Both move eight bytes at a time and may therefore scribble over up to seven bytes that follow, which the decoder has
// yet to write; near the end of the span they go byte by byte.

extension MutableSpan where Element == UInt8 {
  /// Repeats at `position` the `length` bytes found `distance` before it, as LZ77 means it: where the two overlap, what
  /// was just written is read again.
  ///
  /// The caller has checked `1 <= distance <= position` and `0 <= length <= count - position`.
  @inline(__always)
  mutating func copyMatch(to position: Int, distance: Int, length: Int) {
    let end = position &+ length
    var target = position
    if end <= count &- 8 {
      var reach = distance
      if distance < 8 {
        // The bytes repeat with period `distance`, so with any multiple of it as well: write up to seven bytes singly,
        // then read the smallest multiple that a wide word fits into (for 1...7: 8, 8, 9, 8, 10, 12, 14).
        reach = (0xECA8_9880 &>> (distance &* 4)) & 15
        let single = Swift.min(end, target &+ (reach &- distance))
        while target < single {
          self[target] = self[target &- distance]
          target = target &+ 1
        }
      }
      while target < end {
        storeWide(span.wide(at: target &- reach), at: target)
        target = target &+ 8
      }
    } else {
      while target < end {
        self[target] = self[target &- distance]
        target = target &+ 1
      }
    }
  }

  /// Copies `length` bytes of `source` from `offset` on to `position`.
  ///
  /// The caller has checked that both ranges lie inside their spans.
  @inline(__always)
  mutating func copyLiterals(from source: Span<UInt8>, at offset: Int, to position: Int, length: Int) {
    var done = 0
    if position &+ length <= count &- 8, offset &+ length <= source.count &- 8 {
      while done < length {
        storeWide(source.wide(at: offset &+ done), at: position &+ done)
        done = done &+ 8
      }
    } else {
      while done < length {
        self[position &+ done] = source[offset &+ done]
        done = done &+ 1
      }
    }
  }
}
