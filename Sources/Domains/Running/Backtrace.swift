// SPDX-License-Identifier: Apache-2.0
// The names behind return addresses, from the table that the build puts into the image.
import Machine

/// Backtraces for panics.
public enum Backtrace {
  /// Prints the chain of callers.
  public static func print(rip: UInt64, rbp: UInt64) {
    Log.write(.error, "call trace:")
    line(rip)
    var walk = StackWalk(framePointer: rbp)
    for _ in 0..<24 {
      guard let address = walk.next(), address != 0 else { break }
      line(address)
    }
  }

  private static func line(_ address: UInt64) {
    Log.write(.error) {
      $0.put("  ")
      $0.put(hex: address, digits: 16)
      SymbolTable.describe(address, &$0)
    }
  }
}
