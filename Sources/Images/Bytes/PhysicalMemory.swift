// SPDX-License-Identifier: Apache-2.0

// How the parsers of boot loader information and ACPI tables read memory. Both follow physical addresses found in
// memory, so a span of bytes is not enough; tests put a small fake in place of the machine.

/// Readable physical memory. Every read can fail: addresses come from firmware and may point anywhere.
public protocol PhysicalMemory: ~Copyable {
  /// The byte at a physical address, or nil when the address cannot be read.
  func byte(at address: UInt64) -> UInt8?
}

extension PhysicalMemory where Self: ~Copyable {
  /// The little-endian number in `size` (1...8) bytes at `address`, or nil when one of them cannot be read.
  private func number(at address: UInt64, size: UInt64) -> UInt64? {
    guard address <= UInt64.max - 8 else { return nil }
    var value: UInt64 = 0
    var index: UInt64 = 0
    while index < size {
      guard let byte = byte(at: address + index) else { return nil }
      value |= UInt64(byte) << (8 * index)
      index += 1
    }
    return value
  }

  /// The little-endian 16-bit number at `address`.
  public func word16(at address: UInt64) -> UInt16? {
    number(at: address, size: 2).map { UInt16(truncatingIfNeeded: $0) }
  }

  /// The little-endian 32-bit number at `address`.
  public func word32(at address: UInt64) -> UInt32? {
    number(at: address, size: 4).map { UInt32(truncatingIfNeeded: $0) }
  }

  /// The little-endian 64-bit number at `address`.
  public func word64(at address: UInt64) -> UInt64? {
    number(at: address, size: 8)
  }

  /// Copies text into `buffer`, as much as fits, and returns the number of bytes copied. Bytes that cannot be read end
  /// the copy.
  public func copy(_ text: PhysicalText, into buffer: inout MutableSpan<UInt8>) -> Int {
    var copied = 0
    while copied < text.length, copied < buffer.count {
      let (address, overflow) = text.address.addingReportingOverflow(UInt64(copied))
      guard !overflow, let byte = byte(at: address) else { break }
      buffer[copied] = byte
      copied += 1
    }
    return copied
  }

  /// The sum, modulo 256, of `length` bytes; nil when one of them cannot be read. ACPI structures sum to zero.
  func byteSum(at address: UInt64, length: UInt64) -> UInt8? {
    guard length <= UInt64.max - address else { return nil }
    var sum: UInt8 = 0
    var index: UInt64 = 0
    while index < length {
      guard let byte = byte(at: address + index) else { return nil }
      sum &+= byte
      index += 1
    }
    return sum
  }
}

/// Text that lies in physical memory, without its terminating zero.
public struct PhysicalText: Equatable {
  /// Physical address of the first byte.
  public var address: UInt64
  /// Length in bytes.
  public var length: Int

  /// Text of `length` bytes at a physical address.
  public init(address: UInt64, length: Int) {
    self.address = address
    self.length = length
  }

  /// No text.
  public static var empty: PhysicalText { PhysicalText(address: 0, length: 0) }
}
