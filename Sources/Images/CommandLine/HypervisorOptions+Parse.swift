// SPDX-License-Identifier: Apache-2.0

// Words to options. What stands in a value is the business of HypervisorOptions+Take.swift.

extension HypervisorOptions {
  /// Reads a command line, without its terminating zero.
  ///
  /// Nothing in a command line makes this fail: see `reports`.
  ///
  /// - Parameters:
  ///   - line: words between blanks.
  /// - startsWithFileName: the first word is the image's name (`BootInformation.textsStartWithFileName`). When nil, it
  /// is taken for one if it has a `/` before any `=`, or no `=` and is no option.
  /// - limits: what is possible here.
  public static func parse(
    _ line: Span<UInt8>, startsWithFileName: Bool? = nil, limits: OptionLimits = OptionLimits()
  ) -> HypervisorOptions {
    var options = HypervisorOptions(limits: limits)
    var position = 0
    var isFirst = true
    while let word = nextWord(of: line, from: position) {
      position = word.upperBound
      if line.equals(word, "--") {
        options.domain0Arguments = trimmed(position..<line.count, of: line)
        break
      }
      // GRUB 2 leaves the file's name out, and Debian's configuration writes a word in its place.
      if isFirst, (startsWithFileName ?? isImageName(word, of: line)) || line.equals(word, "placeholder") {
        options.imageName = word
      } else {
        options.read(word, of: line)
      }
      isFirst = false
    }
    return options
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || (byte >= 9 && byte <= 13) || byte == 0
  }

  private static func nextWord(of line: Span<UInt8>, from position: Int) -> Range<Int>? {
    var start = position
    while start < line.count, isBlank(line[start]) { start += 1 }
    if start == line.count { return nil }
    var end = start
    while end < line.count, !isBlank(line[end]) { end += 1 }
    return start..<end
  }

  private static func trimmed(_ range: Range<Int>, of line: Span<UInt8>) -> Range<Int> {
    var start = range.lowerBound
    var end = range.upperBound
    while start < end, isBlank(line[start]) { start += 1 }
    while end > start, isBlank(line[end - 1]) { end -= 1 }
    return start..<end
  }

  private static func isImageName(_ word: Range<Int>, of line: Span<UInt8>) -> Bool {
    let name = line.part(of: word, before: UInt8(ascii: "="))
    if line.position(of: UInt8(ascii: "/"), in: name) != nil { return true }
    return name.count == word.count && option(name, of: line) == nil && !line.isOtherOption(name)
      && !isNegatedOther(name, of: line)
  }

  /// The option of a name, and whether the name is negated by `no-`.
  private static func option(_ name: Range<Int>, of line: Span<UInt8>) -> (option: HypervisorOption, isNegated: Bool)? {
    if let option = HypervisorOption.named(name, in: line) { return (option, false) }
    guard line.hasPrefix(name, "no-") else { return nil }
    let positive = (name.lowerBound + 3)..<name.upperBound
    guard let option = HypervisorOption.named(positive, in: line), option.isBoolean else { return nil }
    return (option, true)
  }

  private static func isNegatedOther(_ name: Range<Int>, of line: Span<UInt8>) -> Bool {
    line.hasPrefix(name, "no-") && line.isOtherOption((name.lowerBound + 3)..<name.upperBound)
  }

  private mutating func read(_ word: Range<Int>, of line: Span<UInt8>) {
    let name = line.part(of: word, before: UInt8(ascii: "="))
    let value = line.part(of: word, after: UInt8(ascii: "="))
    guard let (option, isNegated) = Self.option(name, of: line) else {
      let isOther = line.isOtherOption(name) || Self.isNegatedOther(name, of: line)
      reports.add(isOther ? .withoutEffect : .unknown, word)
      return
    }
    if isNegated && value != nil {
      reports.add(.invalid, word, "give either no- in front or a value, not both")
      return
    }
    if value == nil && !option.isBoolean {
      reports.add(.invalid, word, "this option needs a value after =")
      return
    }
    let parsed = OptionValue(word: word, text: value, isNegated: isNegated)
    do throws(OptionError) {
      try take(option, parsed, of: line)
      if !option.isEffective { reports.add(.withoutEffect, word) }
    } catch {
      reports.add(.invalid, error.item, error.message)
    }
  }
}
