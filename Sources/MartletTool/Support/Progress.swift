// SPDX-License-Identifier: Apache-2.0
//
// Whether something that runs still gets on. Nothing here asks how long it takes: a slow or busy host makes it slow, not
// red. What ends it is that it stands still:
//
// - A step is a line of a shape that was not there before (its numbers left out, so that "BEAT 17" after "BEAT 16" is none:
//   who says the same for ever does not get on), a line of a flow's own, or whatever the owner counts as one.
// - Its own time is the wall's, without what it spent waiting for a CPU that others had.
// - So much of its own time without a step, and it stands still. The limit is scaled by how fast this host is (HostSpeed).
// - That it gets on for ever is bounded by counts: of what it prints, and of steps.

import Foundation

struct Progress {
  /// Seconds of its own time without a step.
  let limit: Double
  /// Bytes of output and lines of flows: many times what the longest run has.
  static let mostOutput = 8 << 20
  static let mostFlowLines = 20_000

  private var idle = 0.0
  private var computed = 0.0
  /// Bytes that it has printed, read or not.
  var output = 0
  private var flowLines = 0
  private var shapes: Set<String> = []
  private var unfinished = ""
  private(set) var lastLine = ""

  init(limit: Double) { self.limit = limit }

  /// The owner has seen it get on.
  mutating func step() { (idle, computed) = (0, 0) }

  /// It has printed this.
  mutating func printed(_ text: String) {
    unfinished += text
    guard unfinished.utf8.contains(UInt8(ascii: "\n")) else { return }
    var lines = unfinished.split(whereSeparator: \.isNewline)
    unfinished = unfinished.last?.isNewline == true ? "" : String(lines.popLast() ?? "")
    for line in lines {
      lastLine = String(line)
      if line.hasPrefix("MARTLET-") {
        flowLines += 1
        step()
      } else if shapes.insert(Self.shape(of: line)).inserted {
        step()
      }
    }
  }

  /// So many seconds have passed, in which it waited for a CPU and had one so long.
  mutating func passed(_ wall: Double, waiting: Double, computing: Double) {
    idle += max(0, wall - waiting)
    computed += computing
  }

  /// Why it is to be cut off; nil while it gets on.
  var verdict: String? {
    if output > Self.mostOutput { return "it printed more than \(Self.mostOutput >> 20) MiB and came to no end" }
    if flowLines > Self.mostFlowLines { return "it did \(flowLines) steps and came to no end" }
    guard idle >= limit else { return nil }
    let last = unfinished.isEmpty ? lastLine : unfinished
    return String(
      format: "it has stood still for %.0f s, in which it computed for %.1f s; its last line is '%@'", idle, computed,
      String(last.prefix(120)))
  }

  /// A line with every word that has a digit in it replaced by one sign, and every gap by one blank.
  static func shape(of line: Substring) -> String {
    var shape = ""
    var word = ""
    var hasDigit = false
    func isPart(_ character: Character) -> Bool { character.isLetter || character.isNumber }
    for character in line {
      if isPart(character) {
        word.append(character)
        hasDigit = hasDigit || character.isNumber
        continue
      }
      shape += hasDigit ? "#" : word
      if character != " " || shape.last != " " { shape.append(character) }
      (word, hasDigit) = ("", false)
    }
    return shape + (hasDigit ? "#" : word)
  }
}
