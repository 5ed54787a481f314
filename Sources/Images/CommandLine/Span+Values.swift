// SPDX-License-Identifier: Apache-2.0

// The value types of the manual's first chapter: boolean, integer, size, list.

/// A size that may be negative, which in most options means "all but".
struct SignedSize: Equatable {
  var isNegative: Bool
  var bytes: UInt64
}

extension Span where Element == UInt8 {
  /// A boolean value: yes, on, true, enable, 1 and their opposites; nil for anything else.
  func boolean(_ value: Range<Int>) -> Bool? {
    if equals(value, "1") || equals(value, "on") || equals(value, "yes") || equals(value, "true")
      || equals(value, "enable")
    {
      return true
    }
    if equals(value, "0") || equals(value, "off") || equals(value, "no") || equals(value, "false")
      || equals(value, "disable")
    {
      return false
    }
    return nil
  }

  /// One item of a list of named booleans: `name`, `no-name`, or `name=<boolean>`; nil when it is not this name or not
  /// a boolean.
  func boolean(_ item: Range<Int>, named name: StaticString) -> Bool? {
    if equals(item, name) { return true }
    if hasPrefix(item, "no-"), equals((item.lowerBound + 3)..<item.upperBound, name) { return false }
    guard equals(part(of: item, before: UInt8(ascii: "=")), name), let value = part(of: item, after: UInt8(ascii: "="))
    else { return nil }
    return boolean(value)
  }

  /// A size: an integer with one suffix of B, K, M, G, T (either case); KiB without one. Nil when it is none or does
  /// not fit.
  func size(_ value: Range<Int>) -> UInt64? {
    guard let last = value.last else { return nil }
    var shift: UInt64 = 10
    var digits = value.lowerBound..<last
    switch self[last] {
    case UInt8(ascii: "b"), UInt8(ascii: "B"):
      // In a hexadecimal number this is a digit.
      if hasPrefix(value, "0x") || hasPrefix(value, "0X") { digits = value } else { shift = 0 }
    case UInt8(ascii: "k"), UInt8(ascii: "K"): shift = 10
    case UInt8(ascii: "m"), UInt8(ascii: "M"): shift = 20
    case UInt8(ascii: "g"), UInt8(ascii: "G"): shift = 30
    case UInt8(ascii: "t"), UInt8(ascii: "T"): shift = 40
    default: digits = value
    }
    guard let number = unsignedNumber(digits), number <= UInt64.max >> shift else { return nil }
    return number << shift
  }

  /// A size with an optional sign.
  func signedSize(_ value: Range<Int>) -> SignedSize? {
    let isNegative = hasPrefix(value, "-")
    let digits = isNegative ? (value.lowerBound + 1)..<value.upperBound : value
    return size(digits).map { SignedSize(isNegative: isNegative, bytes: $0) }
  }

  /// An unsigned number of at most `limit`.
  func number(_ value: Range<Int>, upTo limit: UInt64) -> UInt64? {
    guard let number = unsignedNumber(value), number <= limit else { return nil }
    return number
  }

  /// Calls `body` with each item of a comma-separated list, empty ones included, until it throws.
  func forEachItem<Failure: Error>(
    of value: Range<Int>, _ body: (Range<Int>) throws(Failure) -> Void
  ) throws(Failure) {
    var rest: Range<Int>? = value
    while let remaining = rest {
      try body(part(of: remaining, before: UInt8(ascii: ",")))
      rest = part(of: remaining, after: UInt8(ascii: ","))
    }
  }
}
