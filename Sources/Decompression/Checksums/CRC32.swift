// SPDX-License-Identifier: Apache-2.0
// CRC-32 as XZ and gzip use it (IEEE 802.3, reflected polynomial 0xEDB88320), eight bytes per step with eight tables.

/// CRC-32 over spans; its tables live in the workspace.
struct CRC32 {
  private static var tableSize: Int { 2048 }

  /// The checksum of what was fed so far, once finished.
  private var register: UInt32 = 0xFFFF_FFFF

  /// The checksum of the bytes fed so far.
  var value: UInt32 { ~register }

  /// Fills the tables: the first 2048 words. To be called before the first `update`.
  static func prepare(_ words: inout MutableSpan<UInt32>) {
    guard words.count >= tableSize else { return }
    for byte in 0..<256 {
      var remainder = UInt32(truncatingIfNeeded: byte)
      for _ in 0..<8 { remainder = remainder &>> 1 ^ (0xEDB8_8320 & (0 &- (remainder & 1))) }
      words[byte] = remainder
    }
    // Table k gives the effect of a byte that k more bytes follow.
    for index in 256..<tableSize {
      let shorter = words[index &- 256]
      words[index] = shorter &>> 8 ^ words[Int(shorter & 0xFF)]
    }
  }

  /// Feeds `bytes`.
  @inline(never)
  mutating func update(_ bytes: Span<UInt8>, _ words: borrowing MutableSpan<UInt32>) {
    let table = words.span.extracting(first: Self.tableSize)
    guard table.count == Self.tableSize else { return }
    var rest = bytes
    var crc = UInt64(register)
    while rest.count >= 8 {
      let word = rest.wide(at: 0) ^ crc
      let low =
        table[1792 | Int(word & 0xFF)] ^ table[1536 | Int(word &>> 8 & 0xFF)]
        ^ table[1280 | Int(word &>> 16 & 0xFF)] ^ table[1024 | Int(word &>> 24 & 0xFF)]
      let high =
        table[768 | Int(word &>> 32 & 0xFF)] ^ table[512 | Int(word &>> 40 & 0xFF)]
        ^ table[256 | Int(word &>> 48 & 0xFF)] ^ table[Int(word &>> 56)]
      crc = UInt64(low ^ high)
      rest = rest.extracting(droppingFirst: 8)
    }
    for index in rest.indices {
      crc = crc &>> 8 ^ UInt64(table[Int((crc ^ UInt64(rest[index])) & 0xFF)])
    }
    register = UInt32(truncatingIfNeeded: crc)
  }

  /// The checksum of `bytes` alone.
  static func of(_ bytes: Span<UInt8>, _ words: borrowing MutableSpan<UInt32>) -> UInt32 {
    var crc = CRC32()
    crc.update(bytes, words)
    return crc.value
  }
}
