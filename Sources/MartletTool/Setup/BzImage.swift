// SPDX-License-Identifier: Apache-2.0
//
// Debian's bzImage taken apart, and put together again around a payload of another compression, for booting the same
// kernel in every wrapping. Field offsets: Documentation/x86/boot.rst in Linux.

import Foundation

struct BzImage {
  private let data: Data
  /// Where the payload is in the file.
  let payload: Range<Int>

  static let setupSectors = 0x1f1
  static let payloadOffset = 0x248
  static let payloadLength = 0x24c

  init(_ data: Data) throws {
    guard data.count > 0x260, data[0x202..<0x206] == Data("HdrS".utf8) else { throw ToolError.failed("not a bzImage") }
    let start = (Int(data[Self.setupSectors]) + 1) * 512 + Self.word(data, Self.payloadOffset)
    let end = start + Self.word(data, Self.payloadLength)
    guard end <= data.count else { throw ToolError.failed("the bzImage ends within its payload") }
    self.data = data
    payload = start..<end
  }

  /// Writes the kernel's ELF file. The payload is XZ with the plain size, four bytes, behind it.
  func unpack(to path: String) throws {
    guard !Places.exists(path) else { return }
    try Places.atomically(path) { draft in
      try Places.write(data[payload].dropLast(4), to: draft + ".xz")
      try Shell.run(["xz", "-d", draft + ".xz"], advice: "this kernel's payload is not XZ")
    }
  }

  /// Writes the image with its payload compressed by `program`: gzip, lz4 or zstd. `plain` is where the payload is or
  /// will be unpacked.
  func repack(_ plain: String, with program: String, to path: String) throws {
    guard !Places.exists(path) else { return }
    try unpack(to: plain)
    // lz4 in the legacy format, the only one that Linux uses for itself.
    let flags = ["gzip": "-n -4 -c", "lz4": "-l -1 -c -q", "zstd": "-3 -c -q"][program] ?? "-c"
    let packed = path + ".payload"
    defer { try? FileManager.default.removeItem(atPath: packed) }
    try Shell.run(["sh", "-c", "exec \(program) \(flags) <\"$1\" >\"$2\"", "sh", plain, packed])
    var contents = try Places.read(packed)
    // gzip ends with the plain size by itself.
    if program != "gzip" { contents.append(Self.bytes(try Places.read(plain).count)) }
    var image = data[..<payload.lowerBound] + contents
    image.replaceSubrange(Self.payloadLength..<(Self.payloadLength + 4), with: Self.bytes(contents.count))
    try Places.write(image, to: path)
  }

  private static func word(_ data: Data, _ offset: Int) -> Int {
    (0..<4).reduce(0) { $0 | Int(data[offset + $1]) << ($1 * 8) }
  }

  private static func bytes(_ number: Int) -> Data { Data((0..<4).map { UInt8(number >> ($0 * 8) & 0xff) }) }
}
