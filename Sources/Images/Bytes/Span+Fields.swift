// SPDX-License-Identifier: Apache-2.0

// Reading a file image by offsets that the file itself states. Every read is checked and answers nil outside the file,
// so that no offset, however large, reaches an index.

/// A part of a file, in bytes from its start. Made only by code that has checked it against the file.
public struct FileRange: Equatable {
  /// Offset of the first byte.
  public let offset: Int
  /// Length in bytes.
  public let length: Int

  /// Offset after the last byte.
  public var end: Int { offset + length }

  /// The range as one for `Span.extracting`.
  public var range: Range<Int> { offset..<(offset + length) }

  /// An empty range at the start of the file.
  static var empty: FileRange { FileRange(offset: 0, length: 0) }

  private init(offset: Int, length: Int) {
    self.offset = offset
    self.length = length
  }

  /// `length` bytes at `offset` of a file of `fileSize` bytes, or nil when they do not all lie inside it.
  init?(offset: UInt64, length: UInt64, fileSize: Int) {
    let size = UInt64(fileSize)
    guard offset <= size, length <= size - offset else { return nil }
    self.offset = Int(offset)
    self.length = Int(length)
  }
}

extension Span where Element == UInt8 {
  private func number(at offset: UInt64, size: Int) -> UInt64? {
    guard count >= size, offset <= UInt64(count - size) else { return nil }
    let start = Int(offset)
    var value: UInt64 = 0
    for index in 0..<size { value |= UInt64(self[start + index]) << UInt64(8 * index) }
    return value
  }

  /// The byte at `offset`, or nil outside the file.
  func field8(at offset: UInt64) -> UInt8? { number(at: offset, size: 1).map { UInt8(truncatingIfNeeded: $0) } }

  /// The little-endian 16-bit number at `offset`, or nil outside the file.
  func field16(at offset: UInt64) -> UInt16? { number(at: offset, size: 2).map { UInt16(truncatingIfNeeded: $0) } }

  /// The little-endian 32-bit number at `offset`, or nil outside the file.
  func field32(at offset: UInt64) -> UInt32? { number(at: offset, size: 4).map { UInt32(truncatingIfNeeded: $0) } }

  /// The little-endian 64-bit number at `offset`, or nil outside the file.
  func field64(at offset: UInt64) -> UInt64? { number(at: offset, size: 8) }
}
