// SPDX-License-Identifier: Apache-2.0

// What the person who wrote the command line should be told about it. The parser never prints and never gives up: it
// reports and goes on, and the boot code prints each report in its own words around the part of the command line it
// names.

/// A remark on one word of the command line.
public struct OptionReport: Equatable {
  /// What sort of remark.
  public enum Kind {
    /// The option is not known; it was ignored.
    case unknown
    /// The option (or this item of its list) is known from Xen and accepted, but changes nothing here.
    case withoutEffect
    /// The value lies outside of what is possible here; `taken` says what stands in for it.
    case adjusted
    /// The value is impossible; the option was ignored. The message says what is wrong and what to write instead.
    case invalid
  }

  /// The sort.
  public let kind: Kind
  /// The word, or the item of its list, as offsets into the command line.
  public let word: Range<Int>
  /// An explanation; empty for `unknown`, and for `withoutEffect` where there is nothing to add.
  public let message: StaticString
  /// The value that is used instead, of one that was `adjusted`.
  public let taken: UInt64

  /// Equal when sort and place are.
  public static func == (left: OptionReport, right: OptionReport) -> Bool {
    left.kind == right.kind && left.word == right.word
  }
}

/// The remarks on a command line.
public struct OptionReports {
  /// In the order of the command line.
  public private(set) var list = FixedList<32, OptionReport>(
    placeholder: OptionReport(kind: .unknown, word: 0..<0, message: "", taken: 0))
  /// Remarks that did not fit.
  public private(set) var dropped = 0

  mutating func add(_ kind: OptionReport.Kind, _ word: Range<Int>, _ message: StaticString = "") {
    if !list.append(OptionReport(kind: kind, word: word, message: message, taken: 0)) { dropped += 1 }
  }

  mutating func add(_ kind: OptionReport.Kind, _ word: Range<Int>, to taken: UInt64) {
    if !list.append(OptionReport(kind: kind, word: word, message: "", taken: taken)) { dropped += 1 }
  }

  /// True when there is a remark of a sort.
  public func contains(_ kind: OptionReport.Kind) -> Bool {
    for index in list.indices where list[index].kind == kind { return true }
    return false
  }
}
