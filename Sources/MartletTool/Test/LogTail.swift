// SPDX-License-Identifier: Apache-2.0
//
// The end of a log, for a person who looks at a failure.

import Foundation

enum LogTail {
  /// Bytes at the end that are looked at.
  private static let most = 1 << 16

  /// The last lines of a file, without what terminals use for colours and the cursor, indented.
  static func of(_ path: String, lines count: Int = 30) -> String {
    var data = Data()
    if let file = FileHandle(forReadingAtPath: path) {
      defer { try? file.close() }
      try? file.seek(toOffset: UInt64(max(0, FileSize.of(path) - most)))
      data = (try? file.read(upToCount: most)) ?? data
    }
    let text = plain(String(decoding: data, as: UTF8.self))
    let lines = text.split(separator: "\n", omittingEmptySubsequences: true).suffix(count)
    return "  the end of \(path):\n" + lines.map { "  | " + $0 }.joined(separator: "\n")
  }

  /// Text without escape sequences and carriage returns.
  static func plain(_ text: String) -> String {
    var result = ""
    var iterator = text.unicodeScalars.makeIterator()
    while let scalar = iterator.next() {
      if scalar == "\u{1b}" {
        // ESC c, or ESC [ up to a letter.
        guard let next = iterator.next(), next == "[" else { continue }
        while let part = iterator.next(), !(part.value >= 0x40 && part.value <= 0x7e) {}
      } else if scalar != "\r" && scalar != "\0" {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
