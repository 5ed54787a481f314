// SPDX-License-Identifier: Apache-2.0
// There is one simulated machine in a process, and the tests of all targets run in one process: they take turns.
import Foundation

/// The right to use the simulated machine.
public enum MachineTurn {
  private static let lock = NSLock()

  /// Runs `body` while no other test uses the simulated machine.
  public static func take<R>(_ body: () throws -> R) rethrows -> R {
    lock.lock()
    defer { lock.unlock() }
    return try body()
  }
}
