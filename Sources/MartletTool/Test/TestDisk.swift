// SPDX-License-Identifier: Apache-2.0
//
// A disk image with known contents that Domain 0 reads and changes, and that the host looks at afterwards.

import Foundation

struct TestDisk {
  let path: String
  /// SHA-256 of the whole image before the run, as sha256sum prints it.
  let sum: String

  static let bytes = 8 << 20

  /// Writes the image: noise from a fixed seed (xorshift), so that each sector differs from every other.
  static func make(_ path: String) throws -> TestDisk {
    var state: UInt64 = 0x9e37_79b9_7f4a_7c15
    var words: [UInt64] = []
    words.reserveCapacity(bytes / 8)
    for _ in 0..<(bytes / 8) {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      words.append(state)
    }
    try? FileManager.default.removeItem(atPath: path)
    try Places.write(unsafe words.withUnsafeBytes { unsafe Data($0) }, to: path)
    let sum = try Shell.run(["sha256sum", path]).prefix(64)
    return TestDisk(path: path, sum: String(sum))
  }

  /// The scenario copies the first half over the second. Returns what is wrong.
  func check() -> String? {
    guard let data = FileManager.default.contents(atPath: path), data.count == Self.bytes else {
      return "the disk image is gone or has another size"
    }
    return data.prefix(Self.bytes / 2) == data.suffix(Self.bytes / 2)
      ? nil : "what Domain 0 wrote to the disk is not what is there"
  }
}
