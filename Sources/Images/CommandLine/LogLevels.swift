// SPDX-License-Identifier: Apache-2.0

// `loglvl=` and `guest_loglvl=`.

/// Importance of a message, and the threshold for printing it. Higher prints more.
public enum LogLevel: UInt8, Comparable, Sendable {
  /// As a threshold: print nothing.
  case none = 0
  /// Something failed.
  case error
  /// Something is odd.
  case warning
  /// For information.
  case info
  /// For whoever looks for a mistake. As a threshold, `debug` and `all` are the same.
  case debug

  /// By importance.
  public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }

  init?(_ value: Range<Int>, of line: Span<UInt8>) {
    if line.equals(value, "none") {
      self = .none
    } else if line.equals(value, "error") {
      self = .error
    } else if line.equals(value, "warning") {
      self = .warning
    } else if line.equals(value, "info") {
      self = .info
    } else if line.equals(value, "debug") || line.equals(value, "all") {
      self = .debug
    } else {
      return nil
    }
  }
}

/// Two thresholds: messages up to `always` are printed, those above up to `rateLimited` are printed but not too many of
/// them.
public struct LogLevels: Equatable {
  /// Printed always.
  public let always: LogLevel
  /// Printed at a limited rate; at least `always`.
  public let rateLimited: LogLevel

  /// Thresholds; the second is raised to the first.
  public init(always: LogLevel, rateLimited: LogLevel) {
    self.always = always
    self.rateLimited = max(always, rateLimited)
  }

  /// Reads `<level>[/<rate-limited level>]`; nil when it is not that.
  init?(_ value: Range<Int>, of line: Span<UInt8>) {
    guard let first = LogLevel(line.part(of: value, before: UInt8(ascii: "/")), of: line) else { return nil }
    guard let rest = line.part(of: value, after: UInt8(ascii: "/")) else {
      self.init(always: first, rateLimited: first)
      return
    }
    guard let second = LogLevel(rest, of: line) else { return nil }
    self.init(always: first, rateLimited: second)
  }
}
