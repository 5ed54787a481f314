// SPDX-License-Identifier: Apache-2.0
// The names behind return addresses, from the table that the build puts into the image.
import Machine

/// Backtraces for panics.
public enum Backtrace {
  /// Prints the chain of callers, from the innermost: at most `limit` of them.
  public static func print(rip: UInt64, rbp: UInt64, limit: Int = 24) {
    Log.write(.error, "call trace:")
    line(rip, of: rip)
    var walk = StackWalk(framePointer: rbp)
    for _ in 0..<limit {
      guard let caller = walk.next(), caller.address != 0 else { break }
      // A call that does not return may be its function's last instruction: the name is the call's, not what follows it.
      line(caller.address, of: caller.isReturn ? caller.address &- 1 : caller.address)
    }
  }

  private static func line(_ address: UInt64, of place: UInt64) {
    Log.write(.error) {
      $0.put("  ")
      $0.put(hex: address, digits: 16)
      SymbolTable.describe(place, &$0)
    }
  }
}
