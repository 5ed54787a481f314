// SPDX-License-Identifier: Apache-2.0
// Lines of text put together without a heap.
import Testing

@testable import Machine

@Suite struct TextLineTests {
  private func text(_ fill: (inout TextLine) -> Void) -> String {
    var line = TextLine()
    fill(&line)
    var bytes: [UInt8] = []
    line.forEach { bytes.append($0) }
    #expect(bytes.count == line.count)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test(arguments: [0, 1, 9, 10, 15, 16, 99, 100, 255, 0xdead_beef, 1 << 63, UInt64.max - 1, UInt64.max])
  func numbers(value: UInt64) {
    #expect(text { $0.put(decimal: value) } == String(value))
    #expect(text { $0.put(hex: value) } == String(value, radix: 16))
    for digits in [0, 1, 8, 16] {
      let plain = String(value, radix: 16)
      let zeros = String(repeating: "0", count: max(0, max(digits, 1) - plain.count))
      #expect(text { $0.put(hex: value, digits: digits) } == (digits == 0 && value == 0 ? "" : zeros + plain))
    }
    for width in [-1, 0, 1, 5, 20, 30] {
      let plain = String(value)
      #expect(
        text { $0.put(decimal: value, width: width) } == String(repeating: " ", count: max(0, width - plain.count))
          + plain)
    }
  }

  @Test func whatDoesNotFitIsDropped() {
    let long = text { line in for _ in 0..<300 { line.put("abc") } }
    #expect(long == String(repeating: "abc", count: 80))
    #expect(
      text { line in
        for _ in 0..<239 { line.put(byte: 65) }
        line.put(decimal: 123)
      } == String(repeating: "A", count: 239) + "1")
  }

  @Test func controlCharactersAreShownAsDots() {
    let bytes: [UInt8] = [0, 10, 27, 31, 32, 65, 126, 127, 128, 255]
    #expect(text { $0.put(printable: bytes.span) } == ".... A~...")
  }
}
