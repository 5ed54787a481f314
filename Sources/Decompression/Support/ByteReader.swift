// SPDX-License-Identifier: Apache-2.0
// A cursor over the compressed input: every read is checked and says `truncated` where the input ends. For headers and
// trailers; the inner loops have their own ways.

/// A reading position in a span of bytes.
struct ByteReader: ~Escapable {
  let bytes: Span<UInt8>
  /// Offset of the next byte; never negative, never beyond `bytes.count`.
  private(set) var position: Int

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>) {
    self.bytes = bytes
    self.position = 0
  }

  /// Bytes not yet read.
  @inline(__always)
  var remaining: Int { bytes.count &- position }

  /// Everything not yet read, without moving.
  var rest: Span<UInt8> {
    @_lifetime(copy self)
    get { bytes.extracting(droppingFirst: position) }
  }

  /// The next `count` bytes, which are then passed over.
  /// - Throws: `truncated` if there are fewer (or `count` is negative).
  @_lifetime(copy self)
  mutating func take(_ count: Int) throws(DecompressionError) -> Span<UInt8> {
    guard count >= 0, count <= remaining else { throw .truncated }
    let start = position
    position = start &+ count
    return bytes.extracting(droppingFirst: start).extracting(first: count)
  }

  /// Passes over `count` bytes.
  mutating func skip(_ count: Int) throws(DecompressionError) {
    guard count >= 0, count <= remaining else { throw .truncated }
    position = position &+ count
  }

  /// The next byte, without passing over it.
  func peek() throws(DecompressionError) -> UInt8 {
    guard position < bytes.count else { throw .truncated }
    return bytes[position]
  }

  /// The next byte.
  @inline(__always)
  mutating func byte() throws(DecompressionError) -> UInt8 {
    guard position < bytes.count else { throw .truncated }
    let value = bytes[position]
    position = position &+ 1
    return value
  }

  /// The next `count` bytes (1 to 8) as a little-endian number.
  mutating func littleEndian(bytes count: Int) throws(DecompressionError) -> UInt64 {
    let field = try take(count)
    var value: UInt64 = 0
    for index in field.indices.reversed() { value = value << 8 | UInt64(field[index]) }
    return value
  }

  /// The next two bytes as a little-endian number.
  mutating func littleEndian16() throws(DecompressionError) -> Int { Int(try littleEndian(bytes: 2)) }

  /// The next four bytes as a little-endian number.
  mutating func littleEndian32() throws(DecompressionError) -> UInt32 {
    UInt32(truncatingIfNeeded: try littleEndian(bytes: 4))
  }
}
