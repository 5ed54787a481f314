// SPDX-License-Identifier: Apache-2.0
// The image's own symbols: a table that the build makes from the first link and puts into the second (Sources/MartletTool/Build).
import CMachine

/// Names of addresses in the image.
public enum SymbolTable {
  /// Appends " name+offset" for an address that has one.
  public static func describe(_ address: UInt64, _ line: inout TextLine) {
    #if !os(Linux)
      // SAFETY: 1. A read-only section: a count, then pairs of address and offset of the name, sorted, then the names.
      let base = unsafe UnsafeRawPointer(martlet_symbols_address())
      let count = unsafe Int(base.load(as: UInt64.self))
      var low = 0
      var high = count
      while low < high {
        let middle = (low &+ high) / 2
        if unsafe base.load(fromByteOffset: 8 &+ middle &* 16, as: UInt64.self) <= address {
          low = middle &+ 1
        } else {
          high = middle
        }
      }
      guard low > 0 else { return }
      let start = unsafe base.load(fromByteOffset: 8 &+ (low &- 1) &* 16, as: UInt64.self)
      let name = unsafe Int(base.load(fromByteOffset: 16 &+ (low &- 1) &* 16, as: UInt64.self))
      guard address &- start < 0x10_0000 else { return }
      line.put(" ")
      var at = 8 &+ count &* 16 &+ name
      var left = 160
      while left > 0 {
        let byte = unsafe base.load(fromByteOffset: at, as: UInt8.self)
        if byte == 0 { break }
        line.put(byte: byte)
        at &+= 1
        left &-= 1
      }
      line.put("+")
      line.put(hex: address &- start)
    #endif
  }
}

/// The image's own instructions, for reports of where it went wrong.
public enum ImageText {
  /// The two bytes at an address, if they lie in the image's text.
  public static func word16(at address: UInt64) -> UInt16? {
    #if os(Linux)
      return nil
    #else
      // SAFETY: 1. The linker's marks of the text, which is mapped and never changes; 2. the address is checked against them.
      let start = unsafe UInt64(UInt(bitPattern: martlet_image_start_address()))
      let end = unsafe UInt64(UInt(bitPattern: martlet_text_end_address()))
      guard address >= start, address <= end &- 2 else { return nil }
      return unsafe UnsafeRawPointer(bitPattern: UInt(address)).unsafelyUnwrapped.loadUnaligned(as: UInt16.self)
    #endif
  }
}
