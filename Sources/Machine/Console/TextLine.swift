// SPDX-License-Identifier: Apache-2.0
// A line of text put together without a heap: what log messages are made in.

/// Up to 240 bytes of text; what does not fit is dropped.
public struct TextLine: ~Copyable {
  @usableFromInline var bytes = InlineArray<240, UInt8>(repeating: 0)
  /// How many bytes there are.
  public private(set) var count = 0

  /// An empty line.
  public init() {}

  /// Appends one byte.
  public mutating func put(byte: UInt8) {
    guard count < 240 else { return }
    bytes[count] = byte
    count &+= 1
  }

  /// Appends fixed text.
  public mutating func put(_ text: StaticString) {
    // SAFETY: 1. A static string's bytes live for ever.
    text.withUTF8Buffer {
      for index in 0..<$0.count { unsafe put(byte: $0[index]) }
    }
  }

  /// Appends bytes, with control characters made visible as dots.
  public mutating func put(printable text: Span<UInt8>) {
    for index in 0..<text.count { put(byte: text[index] >= 32 && text[index] < 127 ? text[index] : 46) }
  }

  /// Appends a number in hexadecimal, with at least `digits` digits.
  public mutating func put(hex value: UInt64, digits: Int = 1) {
    var shift = 60
    var started = false
    while shift >= 0 {
      let digit = UInt8(value &>> UInt64(shift) & 15)
      started = started || digit != 0 || shift < digits &* 4
      if started { put(byte: digit < 10 ? 48 &+ digit : 87 &+ digit) }
      shift &-= 4
    }
  }

  /// Appends a number in decimal.
  public mutating func put(decimal value: UInt64) {
    var power: UInt64 = 1
    while value / power >= 10 { power &*= 10 }
    while power > 0 {
      put(byte: 48 &+ UInt8(value / power % 10))
      power /= 10
    }
  }

  /// Appends a number in decimal, right-aligned to `width`.
  public mutating func put(decimal value: UInt64, width: Int) {
    var digits = 1
    var rest = value / 10
    while rest > 0 {
      digits &+= 1
      rest /= 10
    }
    for _ in 0..<max(0, width &- digits) { put(byte: 32) }
    put(decimal: value)
  }

  /// The byte at a place below `count`.
  public func byte(_ index: Int) -> UInt8 { bytes[index] }

  /// Calls `body` with each byte in turn.
  public func forEach(_ body: (UInt8) -> Void) {
    for index in 0..<count { body(bytes[index]) }
  }
}

extension StaticString {
  /// One byte of a literal's text, by its place from 0 up to `utf8CodeUnitCount`; zero outside.
  ///
  /// A `String` literal of more than 15 bytes cannot be read in the hypervisor: its representation keeps 56 bits of the
  /// address, and our image lies where all 64 count.
  @inlinable public func byte(_ index: Int) -> UInt8 {
    guard index >= 0, index < utf8CodeUnitCount else { return 0 }
    // SAFETY: 1. A static string's bytes live for ever; 2. the index was checked.
    return unsafe utf8Start[index]
  }
}
