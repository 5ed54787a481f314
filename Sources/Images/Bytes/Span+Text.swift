// SPDX-License-Identifier: Apache-2.0

// Text in a span of bytes: comparison with names in the source, splitting, numbers. The names are static strings, read byte
// by byte (see `StaticString.byte` in Machine for why they cannot be strings).
import Machine

extension Span where Element == UInt8 {
  /// True when the bytes of `range` are exactly `literal`.
  func equals(_ range: Range<Int>, _ literal: StaticString) -> Bool {
    range.count == literal.utf8CodeUnitCount && hasPrefix(range, literal)
  }

  /// True when the bytes of `range` begin with `literal`.
  func hasPrefix(_ range: Range<Int>, _ literal: StaticString) -> Bool {
    let length = literal.utf8CodeUnitCount
    guard length <= range.count, range.upperBound <= count else { return false }
    for index in 0..<length where self[range.lowerBound + index] != literal.byte(index) { return false }
    return true
  }

  /// The position of the first `byte` inside `range`, or nil.
  func position(of byte: UInt8, in range: Range<Int>) -> Int? {
    for index in range where self[index] == byte { return index }
    return nil
  }

  /// The part of `range` before the first `separator` (all of it when there is none).
  func part(of range: Range<Int>, before separator: UInt8) -> Range<Int> {
    range.lowerBound..<(position(of: separator, in: range) ?? range.upperBound)
  }

  /// The part of `range` after the first `separator`, or nil when there is none.
  func part(of range: Range<Int>, after separator: UInt8) -> Range<Int>? {
    position(of: separator, in: range).map { ($0 + 1)..<range.upperBound }
  }

  /// An unsigned number that fills `range`: decimal, hexadecimal after `0x`, octal after a leading `0`. Nil when it is
  /// not one, or does not fit 64 bits.
  func unsignedNumber(_ range: Range<Int>) -> UInt64? {
    var digits = range
    var base: UInt64 = 10
    if hasPrefix(digits, "0x") || hasPrefix(digits, "0X") {
      base = 16
      digits = (digits.lowerBound + 2)..<digits.upperBound
    } else if digits.count > 1, self[digits.lowerBound] == UInt8(ascii: "0") {
      base = 8
      digits = (digits.lowerBound + 1)..<digits.upperBound
    }
    guard !digits.isEmpty else { return nil }
    var value: UInt64 = 0
    for index in digits {
      guard let digit = digitValue(self[index]), digit < base else { return nil }
      let (scaled, overflow) = value.multipliedReportingOverflow(by: base)
      let (sum, carry) = scaled.addingReportingOverflow(digit)
      guard !overflow, !carry else { return nil }
      value = sum
    }
    return value
  }
}

/// The value of a decimal or hexadecimal digit, or nil.
private func digitValue(_ byte: UInt8) -> UInt64? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
  case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a")) + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A")) + 10
  default: nil
  }
}
