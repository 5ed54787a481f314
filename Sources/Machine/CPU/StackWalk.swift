// SPDX-License-Identifier: Apache-2.0
// Following frame pointers up the stack, for a backtrace. Only ever from a panic.
import CMachine

/// A walk from callee to caller.
public struct StackWalk {
  var pointer: UInt64

  /// Starts at a frame pointer.
  public init(framePointer: UInt64) { pointer = framePointer }

  /// The next return address; nil at the end, or where the chain leaves this CPU's stack.
  public mutating func next() -> UInt64? {
    let base = HypervisorSpace.cpuAreas
    guard pointer & 7 == 0, pointer >= base || pointer >= HypervisorSpace.image, pointer < HypervisorSpace.windowEnd &- 16,
      pointer & 0xffff <= 0xfff0
    else { return nil }
    #if os(Linux)
      return nil
    #else
      // SAFETY: 1. Inside the hypervisor's region; an unmapped address ends in the double-fault path, which is where we are
      // headed anyway.
      guard let words = unsafe UnsafePointer<UInt64>(bitPattern: UInt(pointer)) else { return nil }
      let (up, address) = unsafe (words[0], words[1])
      guard up > pointer else {
        pointer = 0
        return address
      }
      pointer = up
      return address
    #endif
  }
}
