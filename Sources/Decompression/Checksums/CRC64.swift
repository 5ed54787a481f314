// SPDX-License-Identifier: Apache-2.0
// CRC-64 as XZ uses it (ECMA-182, reflected polynomial 0xC96C5795D7870F42), four bytes per step with four tables.

/// CRC-64 over spans; its tables live in the workspace, low and high halves of an entry side by side.
enum CRC64 {
  private static var base: Int { 2048 }
  private static var tableSize: Int { 2048 }

  /// Fills the tables, in the words 2048 to 4095. To be called before `of`.
  static func prepare(_ words: inout MutableSpan<UInt32>) {
    guard words.count >= base &+ tableSize else { return }
    for byte in 0..<1024 {
      var remainder: UInt64
      if byte < 256 {
        remainder = UInt64(byte)
        for _ in 0..<8 { remainder = remainder &>> 1 ^ (0xC96C_5795_D787_0F42 & (0 &- (remainder & 1))) }
      } else {
        let shorter = entry(byte &- 256, words)
        remainder = shorter &>> 8 ^ entry(Int(shorter & 0xFF), words)
      }
      words[base &+ 2 &* byte] = UInt32(truncatingIfNeeded: remainder)
      words[base &+ 2 &* byte &+ 1] = UInt32(truncatingIfNeeded: remainder &>> 32)
    }
  }

  @inline(__always)
  private static func entry(_ index: Int, _ words: borrowing MutableSpan<UInt32>) -> UInt64 {
    UInt64(words[base &+ 2 &* index]) | UInt64(words[base &+ 2 &* index &+ 1]) &<< 32
  }

  /// The checksum of `bytes`.
  static func of(_ bytes: Span<UInt8>, _ words: borrowing MutableSpan<UInt32>) -> UInt64 {
    guard words.count >= base &+ tableSize else { return 0 }
    var rest = bytes
    var crc = UInt64.max
    while rest.count >= 4 {
      let word =
        UInt64(rest[0]) | UInt64(rest[1]) &<< 8 | UInt64(rest[2]) &<< 16 | UInt64(rest[3]) &<< 24
      let mixed = word ^ crc
      crc =
        crc &>> 32 ^ entry(768 | Int(mixed & 0xFF), words) ^ entry(512 | Int(mixed &>> 8 & 0xFF), words)
        ^ entry(256 | Int(mixed &>> 16 & 0xFF), words) ^ entry(Int(mixed &>> 24 & 0xFF), words)
      rest = rest.extracting(droppingFirst: 4)
    }
    for index in rest.indices {
      crc = crc &>> 8 ^ entry(Int((crc ^ UInt64(rest[index])) & 0xFF), words)
    }
    return ~crc
  }
}
