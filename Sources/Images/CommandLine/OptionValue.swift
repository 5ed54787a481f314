// SPDX-License-Identifier: Apache-2.0

// The value of one option as written, and the readings that several options share.

/// An impossible value.
struct OptionError: Error {
  /// The word, or the item of its list.
  let item: Range<Int>
  /// What is wrong and what to write.
  let message: StaticString
}

/// The value of an option as written.
struct OptionValue {
  /// The whole word.
  let word: Range<Int>
  /// What stands after `=`; nil without one.
  let text: Range<Int>?
  /// `no-` stands in front.
  let isNegated: Bool

  /// The value of an option that cannot stand alone; the parser has seen to its presence.
  var required: Range<Int> { text ?? (word.upperBound..<word.upperBound) }

  /// A plain boolean: standing alone, negated, or with a boolean value; nil for other values.
  func optionalBoolean(of line: Span<UInt8>) -> Bool? {
    guard let text else { return !isNegated }
    return line.boolean(text)
  }

  /// A boolean.
  func boolean(of line: Span<UInt8>) throws(OptionError) -> Bool {
    guard let boolean = optionalBoolean(of: line) else {
      throw error("the value must be on, yes, true, enable or 1, or off, no, false, disable or 0")
    }
    return boolean
  }

  /// A size in bytes.
  func size(of line: Span<UInt8>) throws(OptionError) -> UInt64 {
    guard let size = line.size(required) else {
      throw error("the value must be a size like 512M (suffixes B, K, M, G, T; KiB without one)")
    }
    return size
  }

  /// A number up to 1048576.
  func count(of line: Span<UInt8>) throws(OptionError) -> Int {
    guard let number = line.number(required, upTo: 1 << 20) else {
      throw error("the value must be a number up to 1048576")
    }
    return Int(number)
  }

  /// One or two log levels.
  func logLevels(of line: Span<UInt8>) throws(OptionError) -> LogLevels {
    guard let levels = LogLevels(required, of: line) else {
      throw error("the levels are none, error, warning, info, debug and all, as in warning or error/info")
    }
    return levels
  }

  /// A serial port's settings.
  func serialSettings(of line: Span<UInt8>) throws(OptionError) -> SerialSettings {
    do throws(SerialError) {
      return try SerialSettings(required, of: line)
    } catch {
      throw self.error(error.message)
    }
  }

  /// An error about the whole word.
  func error(_ message: StaticString) -> OptionError { OptionError(item: word, message: message) }
}
