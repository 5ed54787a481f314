// SPDX-License-Identifier: Apache-2.0
//
// Lines on the console: the hypervisor's own (HYPERVISOR_console_io) for Domain 0, the ring of the console daemon for other
// domains. A line is collected first and written by one hypercall, so that the hypervisor's own messages do not fall into
// the middle of it.

import CGuestKit

private var buffer: InlineArray<512, UInt8> = InlineArray(repeating: 0)
private var used = 0

/// Builds one console line out of text and numbers.
public enum Console {
  /// Adds one character; what does not fit is dropped.
  public static func put(_ byte: UInt8) {
    if used < 511 {
      buffer[used] = byte
      used += 1
    }
  }

  /// Adds text.
  public static func put(_ text: StaticString) {
    for index in 0..<text.utf8CodeUnitCount { put(byte(index, of: text)) }
  }

  /// Adds the NUL-terminated text at `address`, at most `limit` bytes of it.
  public static func put(textAt address: UInt64, limit: UInt64 = 128) {
    for index in 0..<limit {
      let byte = Memory.load8(address &+ index)
      if byte == 0 { return }
      put(byte)
    }
  }

  /// Adds a number in hexadecimal with 0x.
  public static func put(hex value: UInt64) {
    put("0x")
    var shift: UInt64 = 60
    while shift > 0 && value >> shift == 0 { shift -= 4 }
    while true {
      let digit = UInt8(truncatingIfNeeded: value >> shift & 15)
      put(digit < 10 ? 48 &+ digit : 87 &+ digit)
      if shift == 0 { return }
      shift -= 4
    }
  }

  /// Adds a number in decimal.
  public static func put(decimal value: Int64) {
    if value < 0 { put(45) }
    var left = value.magnitude
    var divisor: UInt64 = 1
    while left / divisor >= 10 { divisor &*= 10 }
    while divisor > 0 {
      put(48 &+ UInt8(truncatingIfNeeded: left / divisor))
      left %= divisor
      divisor /= 10
    }
  }

  /// Ends the line and writes it. Returns what the hypercall returned, 0 for the ring.
  @discardableResult
  public static func end() -> Int {
    buffer[used] = 10
    let length = used + 1
    used = 0
    return withAddress(of: &buffer) { start in
      if !StartInfo.isInitialDomain {
        ConsoleRing.write(start, UInt64(length))
        return 0
      }
      return hypercall(__HYPERVISOR_console_io, UInt64(CONSOLEIO_write), UInt64(length), start)
    }
  }

  /// Finds the ring, while the tables that say where it is are still as they were.
  static func prepare() { if !StartInfo.isInitialDomain { _ = ConsoleRing.address } }

  /// Waits until what was written is out of this domain's hands.
  public static func drain() { if !StartInfo.isInitialDomain { ConsoleRing.drain() } }

  /// Writes one line of text.
  public static func line(_ text: StaticString) {
    put(text)
    end()
  }

  /// Writes a line of text followed by a number.
  public static func line(_ text: StaticString, _ value: UInt64) {
    put(text)
    put(" ")
    put(hex: value)
    end()
  }
}
