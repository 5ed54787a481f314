// SPDX-License-Identifier: Apache-2.0
// The image's symbols one by one, for Domain 0's developers (/proc/xen/xensyms).
import CMachine

extension SymbolTable {
  /// How many symbols there are.
  public static var count: Int {
    #if os(Linux)
      return 0
    #else
      // SAFETY: 1. A read-only section that starts with the count.
      return unsafe Int(martlet_symbols_address().load(as: UInt64.self))
    #endif
  }

  /// The address of the symbol with an index below `count`.
  public static func address(_ index: Int) -> UInt64 {
    precondition(index >= 0 && index < count)
    #if os(Linux)
      return 0
    #else
      // SAFETY: 1. One of the pairs after the count, by the check above.
      return unsafe martlet_symbols_address().load(fromByteOffset: 8 &+ index &* 16, as: UInt64.self)
    #endif
  }

  /// Gives the bytes of a symbol's name to `body`, one by one, up to 255 of them; gives how many there were.
  public static func forEachByte(ofName index: Int, _ body: (Int, UInt8) -> Void) -> Int {
    precondition(index >= 0 && index < count)
    #if os(Linux)
      return 0
    #else
      // SAFETY: 1. The pair's second word is an offset in the names after all pairs, of a name that ends with zero.
      let base = unsafe UnsafeRawPointer(martlet_symbols_address())
      let name = unsafe Int(base.load(fromByteOffset: 16 &+ index &* 16, as: UInt64.self))
      let start = 8 &+ count &* 16 &+ name
      var length = 0
      while length < 255 {
        let byte = unsafe base.load(fromByteOffset: start &+ length, as: UInt8.self)
        if byte == 0 { break }
        body(length, byte)
        length &+= 1
      }
      return length
    #endif
  }
}
