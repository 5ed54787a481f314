// SPDX-License-Identifier: Apache-2.0
//
// Command-line options, declared once per verb; parsing and the help text both come from the declaration.

import Foundation

/// One option: a flag when `value` is nil, else a name that takes a value (`--memory 1G` or `--memory=1G`).
struct Option {
  let name: String
  let value: String?
  let help: String

  init(_ name: String, _ value: String? = nil, _ help: String) {
    self.name = name
    self.value = value
    self.help = help
  }
}

/// What a verb takes: its usage line, a few sentences, its options.
struct OptionTable {
  let verb: String
  let summary: String
  let options: [Option]
  var notes = ""

  /// The text that `--help` prints.
  var help: String {
    let all = options + [Option("--help", nil, "this text")]
    let heads = all.map { $0.name + ($0.value.map { " " + $0 } ?? "") }
    let width = (heads.map(\.count).max() ?? 0) + 2
    var text = "usage: ./martlet \(verb) [options]\n\n\(summary)\n\n"
    for (head, option) in zip(heads, all) {
      let pad = String(repeating: " ", count: width - head.count)
      let indent = "\n" + String(repeating: " ", count: width + 2)
      text += "  " + head + pad + option.help.replacingOccurrences(of: "\n", with: indent) + "\n"
    }
    if !notes.isEmpty { text += "\n" + notes + "\n" }
    return text
  }

  /// Reads the arguments. Returns nil after printing the help text when that was asked for.
  func parse(_ arguments: [String]) throws -> OptionValues? {
    var values = OptionValues()
    var index = 0
    while index < arguments.count {
      let argument = arguments[index]
      index += 1
      if argument == "--help" || argument == "-h" {
        Report.line(help)
        return nil
      }
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard let option = options.first(where: { $0.name == parts[0] }) else {
        throw ToolError.usage("'\(argument)' is not an option of '\(verb)'; './martlet \(verb) --help' lists them")
      }
      if let kind = option.value {
        if parts.count == 2 {
          values.set(option.name, parts[1])
        } else if index < arguments.count {
          values.set(option.name, arguments[index])
          index += 1
        } else {
          throw ToolError.usage("\(option.name) needs a value: \(option.name) \(kind)")
        }
      } else {
        guard parts.count == 1 else { throw ToolError.usage("\(option.name) takes no value") }
        values.set(option.name, "")
      }
    }
    return values
  }
}

/// The options as given.
struct OptionValues {
  private var values: [String: String] = [:]

  mutating func set(_ name: String, _ value: String) { values[name] = value }

  func has(_ name: String) -> Bool { values[name] != nil }

  func string(_ name: String) -> String? { values[name] }

  /// A whole number within `range`, or `standard` when the option was not given.
  func integer(_ name: String, _ standard: Int, in range: ClosedRange<Int>) throws -> Int {
    guard let text = values[name] else { return standard }
    guard let number = Int(text), range.contains(number) else {
      throw ToolError.usage("\(name) takes a number from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
    }
    return number
  }

  /// One of `choices`, or `standard` when the option was not given.
  func choice(_ name: String, _ standard: String, of choices: [String]) throws -> String {
    guard let text = values[name] else { return standard }
    guard choices.contains(text) else {
      throw ToolError.usage("\(name) is one of \(choices.joined(separator: ", ")), not '\(text)'")
    }
    return text
  }
}

/// A memory size in MiB, from a number with an optional suffix K, M, G or T (without one, MiB as QEMU has it).
func parseMebibytes(_ text: String) -> Int? {
  var digits = Substring(text)
  var scale = 1024
  if let last = text.uppercased().last,
    let factor = ["K": 1, "M": 1024, "G": 1024 * 1024, "T": 1024 * 1024 * 1024][String(last)]
  {
    scale = factor
    digits = digits.dropLast()
  }
  guard let number = Int(digits), number > 0, number < 1 << 24 else { return nil }
  let kibibytes = number * scale
  return kibibytes >= 1024 ? kibibytes / 1024 : nil
}
