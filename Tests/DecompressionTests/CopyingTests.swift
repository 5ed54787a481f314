// SPDX-License-Identifier: Apache-2.0
// The wide copies against the definition: one byte after the other.
import Testing

@testable import Decompression

@Suite struct CopyingTests {
  /// Every short distance and length, with much room behind the copy, a little, and none.
  @Test(arguments: [0, 1, 7, 8, 9, 40]) func matches(_ room: Int) {
    for distance in 1...24 {
      for length in 0...40 {
        let start = 24
        var expected = (0..<(start + length + room)).map { UInt8($0 < start ? $0 + 1 : 0xEE) }
        var actual = expected
        for offset in 0..<length { expected[start + offset] = expected[start + offset - distance] }
        var span = actual.mutableSpan
        span.copyMatch(to: start, distance: distance, length: length)
        #expect(actual[..<(start + length)] == expected[..<(start + length)], "distance \(distance), length \(length)")
      }
    }
  }

  @Test(arguments: [0, 1, 7, 8, 9, 40]) func literals(_ room: Int) {
    let source = (0..<60).map { UInt8($0 + 100) }
    for offset in [0, 1, 13] {
      for length in 0...(60 - offset) {
        var output = [UInt8](repeating: 0xEE, count: 5 + length + room)
        var span = output.mutableSpan
        span.copyLiterals(from: source.span, at: offset, to: 5, length: length)
        #expect(output[..<5] == [0xEE, 0xEE, 0xEE, 0xEE, 0xEE])
        #expect(output[5..<(5 + length)] == source[offset..<(offset + length)], "offset \(offset), length \(length)")
      }
    }
  }
}
