// SPDX-License-Identifier: Apache-2.0
//
// A hypercall argument built word by word in a page of its own: for structures that hold guest handles or unions, which
// Swift imports as unsafe types. Offsets are those of the C structure named at the call.

import CGuestKit

/// An argument structure in memory.
public struct Request {
  /// Its virtual address.
  public let address = Pages.take()

  /// An empty structure.
  public init() {}

  /// A structure of 64-bit words.
  public init(words: [UInt64]) { for index in words.indices { set64(UInt64(index) * 8, words[index]) } }

  /// Writes a 16-bit field.
  public func set16(_ offset: UInt64, _ value: UInt16) { Memory.store16(address + offset, value) }
  /// Writes a 32-bit field.
  public func set32(_ offset: UInt64, _ value: UInt32) { Memory.store32(address + offset, value) }
  /// Writes a 64-bit field.
  public func set64(_ offset: UInt64, _ value: UInt64) { Memory.store64(address + offset, value) }
  /// Reads a 16-bit field.
  public func get16(_ offset: UInt64) -> UInt16 { Memory.load16(address + offset) }
  /// Reads a 32-bit field.
  public func get32(_ offset: UInt64) -> UInt32 { Memory.load32(address + offset) }
  /// Reads a 64-bit field.
  public func get64(_ offset: UInt64) -> UInt64 { Memory.load64(address + offset) }

  /// The hypercall (command, this argument).
  @discardableResult
  public func call(_ number: Int32, _ command: Int32) -> Int {
    hypercall(number, UInt64(truncatingIfNeeded: command), address)
  }
}
