// SPDX-License-Identifier: Apache-2.0
//
// The guest's memory by numeric address: loads and stores, and pages taken from the pool that the linker script leaves
// after the image. Nothing is ever given back: a guest lives for milliseconds.

import CGuestKit

/// Bytes in a page.
public let pageSize: UInt64 = 4096

/// Where pseudo-physical address 0 is mapped (gk_virtual_base in link.ld, XEN_ELFNOTE_VIRT_BASE).
public let virtualBase: UInt64 = 0xffff_ffff_8000_0000

/// Reads and writes at a virtual address that the caller knows to be mapped.
public enum Memory {
  /// One byte.
  public static func load8(_ address: UInt64) -> UInt8 { gk_load8(address) }
  /// Two bytes.
  public static func load16(_ address: UInt64) -> UInt16 { gk_load16(address) }
  /// Four bytes.
  public static func load32(_ address: UInt64) -> UInt32 { gk_load32(address) }
  /// Eight bytes.
  public static func load64(_ address: UInt64) -> UInt64 { gk_load64(address) }
  /// Writes one byte.
  public static func store8(_ address: UInt64, _ value: UInt8) { gk_store8(address, value) }
  /// Writes two bytes.
  public static func store16(_ address: UInt64, _ value: UInt16) { gk_store16(address, value) }
  /// Writes four bytes.
  public static func store32(_ address: UInt64, _ value: UInt32) { gk_store32(address, value) }
  /// Writes eight bytes.
  public static func store64(_ address: UInt64, _ value: UInt64) { gk_store64(address, value) }

  /// Writes `value` to each of `count` consecutive 64-bit words.
  public static func fill(_ address: UInt64, words count: UInt64, with value: UInt64) {
    for index in 0..<count { gk_store64(address &+ index &* 8, value) }
  }

  /// Writes `bytes` from `address` on.
  public static func store(_ address: UInt64, bytes: [UInt8]) {
    for index in bytes.indices { gk_store8(address &+ UInt64(index), bytes[index]) }
  }
}

private var poolUsed: UInt64 = 0

/// Pages of the pool: mapped writable from the start of day, zeroed when taken.
public enum Pages {
  /// The virtual address of `count` consecutive fresh pages. Ends the guest when the pool is empty.
  public static func take(_ count: UInt64 = 1) -> UInt64 {
    let address = gk_address_pool() &+ poolUsed
    let bytes = count &* pageSize
    if address &+ bytes > gk_address_pool_end() { Runner.fail("the page pool is empty") }
    poolUsed &+= bytes
    Memory.fill(address, words: bytes / 8, with: 0)
    return address
  }

  /// Pages still in the pool.
  public static var left: UInt64 { (gk_address_pool_end() &- gk_address_pool() &- poolUsed) / pageSize }
}
