// SPDX-License-Identifier: Apache-2.0
// Finding what stands in a page table: most entries of most tables are empty, so the empty ones are what must cost little.
import CMachine

extension PhysicalWindow {
  /// The first word of a frame from `start` on in which one of `bits` is set; 512 if there is none. (0 <= start <= 512.)
  @inlinable @inline(__always)
  public static func firstWord(_ frame: MachineFrame, from start: Int, with bits: UInt64) -> Int {
    // Dense tables do not pay for the search.
    if start < 512 && load(frame, word: start) & bits != 0 { return start }
    return searchUp(frame, from: start, with: bits)
  }

  /// The last word of a frame before `end` in which one of `bits` is set, plus one; 0 if there is none. (0 <= end <= 512.)
  @inlinable @inline(__always)
  public static func lastWord(_ frame: MachineFrame, before end: Int, with bits: UInt64) -> Int {
    if end > 0 && load(frame, word: end &- 1) & bits != 0 { return end }
    return searchDown(frame, before: end, with: bits)
  }

  // Not inlined: among other code the compiler makes the loops longer than they are.
  @usableFromInline @inline(never)
  static func searchUp(_ frame: MachineFrame, from start: Int, with bits: UInt64) -> Int {
    precondition(start >= 0 && start <= 512)
    // SAFETY: 1. `address` checks the frame; 2. the indices stay below 512.
    let words = unsafe address(frame, 0).assumingMemoryBound(to: UInt64.self)
    var index = start
    while index &+ 4 <= 512 {
      let any = unsafe martlet_load64(words + index) | martlet_load64(words + (index &+ 1))
        | martlet_load64(words + (index &+ 2)) | martlet_load64(words + (index &+ 3))
      if any & bits != 0 { break }
      index &+= 4
    }
    while index < 512, unsafe martlet_load64(words + index) & bits == 0 { index &+= 1 }
    return index
  }

  @usableFromInline @inline(never)
  static func searchDown(_ frame: MachineFrame, before end: Int, with bits: UInt64) -> Int {
    precondition(end >= 0 && end <= 512)
    // SAFETY: as in searchUp; indices from 0 on.
    let words = unsafe address(frame, 0).assumingMemoryBound(to: UInt64.self)
    var index = end
    while index >= 4 {
      let any = unsafe martlet_load64(words + (index &- 1)) | martlet_load64(words + (index &- 2))
        | martlet_load64(words + (index &- 3)) | martlet_load64(words + (index &- 4))
      if any & bits != 0 { break }
      index &-= 4
    }
    while index > 0, unsafe martlet_load64(words + (index &- 1)) & bits == 0 { index &-= 1 }
    return index
  }
}
