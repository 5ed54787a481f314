// SPDX-License-Identifier: Apache-2.0
// The checksums against their published check values.
import Testing

@testable import Decompression

@Suite struct ChecksumTests {
  static let digits = Array("123456789".utf8)
  static let empty: [UInt8] = []

  @Test func crc32() {
    var words = [UInt32](repeating: 0, count: Workspace.wordCount)
    var span = words.mutableSpan
    CRC32.prepare(&span)
    #expect(CRC32.of(Self.digits.span, span) == 0xCBF4_3926)
    #expect(CRC32.of(Self.empty.span, span) == 0)
    // In two parts, the second one crossing the steps of eight.
    var crc = CRC32()
    crc.update(Self.digits.span.extracting(first: 3), span)
    crc.update(Self.digits.span.extracting(droppingFirst: 3), span)
    #expect(crc.value == 0xCBF4_3926)
  }

  @Test func crc64() {
    var words = [UInt32](repeating: 0, count: Workspace.wordCount)
    var span = words.mutableSpan
    CRC64.prepare(&span)
    #expect(CRC64.of(Self.digits.span, span) == 0x995D_C9BB_DF19_39FA)
  }

  @Test func xxHash() {
    #expect(XXH32.of(Self.empty.span) == 0x02CC_5D05)
    #expect(XXH64.of(Self.empty.span) == 0xEF46_DB37_51D8_E999)
  }
}
