// SPDX-License-Identifier: Apache-2.0
//
// The page of the two transcripts: a section for each command, both outputs in one block of two columns, differing lines marked.

import Foundation

enum TranscriptPage {
  /// Characters of a column; longer lines are broken.
  static let width = 76

  static func text(theirs: [TranscriptEntry], ours: [TranscriptEntry]) -> String {
    var page = """
      # xl on Debian's Xen and on Martlet

      Made by `./martlet transcript`: the same commands in the same Domain 0, on Xen 4.17 to the left and on Martlet to the right.
      A `|` between them marks lines that differ in more than their numbers, a `~` those that differ in numbers alone (times,
      sizes, counts). [toolstack.md](toolstack.md) explains what differs.


      """
    for index in 0..<max(theirs.count, ours.count) {
      let left = index < theirs.count ? theirs[index] : nil
      let right = index < ours.count ? ours[index] : nil
      page += "## `\(left?.command ?? right?.command ?? "")`\n\n"
      if let left, let right, left.status == right.status {
        page += left.status == "0" ? "" : "Status \(left.status) on both.\n\n"
      } else {
        page += "Status \(left?.status ?? "-") on Xen, \(right?.status ?? "-") on Martlet.\n\n"
      }
      if let left, let right, left.output.isEmpty, right.output.isEmpty { continue }
      page += "```\n" + columns(left?.output ?? [], right?.output ?? []).joined(separator: "\n") + "\n```\n\n"
    }
    return page
  }

  /// Two lists of lines as one, in two columns. Lines that are the same on both sides keep together: what one side has alone
  /// stands beside nothing.
  static func columns(_ left: [String], _ right: [String]) -> [String] {
    // Lines stand side by side by the longest common subsequence of their shapes.
    let (a, b) = (left.map(shape), right.map(shape))
    var lengths = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
    for i in stride(from: a.count - 1, through: 0, by: -1) {
      for j in stride(from: b.count - 1, through: 0, by: -1) {
        lengths[i][j] = a[i] == b[j] ? lengths[i + 1][j + 1] + 1 : max(lengths[i + 1][j], lengths[i][j + 1])
      }
    }
    var rows: [String] = []
    var (i, j) = (0, 0)
    while i < a.count || j < b.count {
      if i < a.count, j < b.count, a[i] == b[j] {
        rows += row(left[i], left[i] == right[j] ? " " : "~", right[j])
        (i, j) = (i + 1, j + 1)
        continue
      }
      // A run without a partner on either side is shown line beside line.
      let (iStart, jStart) = (i, j)
      while i < a.count || j < b.count {
        if i < a.count, j < b.count, a[i] == b[j] { break }
        if j >= b.count || (i < a.count && lengths[i + 1][j] >= lengths[i][j + 1]) { i += 1 } else { j += 1 }
      }
      for k in 0..<max(i - iStart, j - jStart) {
        rows += row(iStart + k < i ? left[iStart + k] : "", "|", jStart + k < j ? right[jStart + k] : "")
      }
    }
    return rows
  }

  /// A line without what changes from run to run: digits and the width of blanks.
  static func shape(_ line: String) -> String {
    var result = ""
    for character in line {
      let next: Character = character.isNumber ? "0" : character.isWhitespace ? " " : character
      if next == "0" || next == " ", result.last == next { continue }
      result.append(next)
    }
    return result.trimmingCharacters(in: .whitespaces)
  }

  private static func row(_ left: String, _ mark: String, _ right: String) -> [String] {
    let (a, b) = (pieces(left), pieces(right))
    return (0..<max(a.count, b.count)).map { index in
      let text = index < a.count ? a[index] : ""
      let row =
        text + String(repeating: " ", count: width - text.count) + " " + mark + " " + (index < b.count ? b[index] : "")
      return row.replacingOccurrences(of: " +$", with: "", options: .regularExpression)
    }
  }

  private static func pieces(_ line: String) -> [String] {
    let characters = Array(line.replacingOccurrences(of: "\t", with: "    "))
    guard !characters.isEmpty else { return [""] }
    return stride(from: 0, to: characters.count, by: width).map { start in
      String(characters[start..<min(start + width, characters.count)])
    }
  }
}
