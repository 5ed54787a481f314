// SPDX-License-Identifier: Apache-2.0
// Where everything of Domain 0's beginning lies, in its own (pseudo-physical) frames: the start-of-day layout of xen/xen.h.
//
// In order: the kernel, the initial RAM disk, the list of frames (unless the kernel wants it elsewhere), start_info, page tables,
// stack, padding up to 4 MiB. A kernel that names an address for the list gets it there, in frames behind all this, followed by
// the tables that map it.
import Images
import Machine

/// A run of Domain 0's frames.
struct FrameRun {
  var first: UInt64
  var count: UInt64
  var end: UInt64 { first &+ count }
}

/// The layout.
struct StartLayout {
  /// The address of frame 0 in the initial mapping.
  let base: UInt64
  let ramDisk: FrameRun
  let ramDiskBytes: UInt64
  /// The list of frames, and the tables that map it where it is wanted (none if it is in the initial mapping).
  let list: FrameRun
  let listTables: FrameRun
  let listAddress: UInt64
  let startInfo: UInt64
  let tables: FrameRun
  let stack: UInt64
  /// How many frames the initial mapping shows.
  let mapped: UInt64
  /// How many frames this all takes at least.
  let needed: UInt64

  /// The layout for a domain of `pages` frames.
  init(kernel: KernelLayout, ramDiskBytes: UInt64, pages: UInt64) {
    base = kernel.virtualBase
    self.ramDiskBytes = ramDiskBytes
    var next = (kernel.virtualEnd &- base &+ 4095) &>> 12
    ramDisk = FrameRun(first: next, count: (ramDiskBytes &+ 4095) &>> 12)
    next = ramDisk.end
    let listFrames = (pages &* 8 &+ 4095) &>> 12
    var inside = FrameRun(first: 0, count: 0)
    if kernel.initialP2M == nil {
      inside = FrameRun(first: next, count: listFrames)
      next = inside.end
    }
    startInfo = next
    next &+= 1
    // The tables map themselves, so their number and the size of the mapping depend on each other.
    var count: UInt64 = 0
    var end: UInt64 = 0
    while true {
      end = (next &+ count &+ 1 &+ 128 &+ 1023) & ~1023
      let wanted = StartLayout.tableCount(from: base, pages: end) &+ 1
      if wanted <= count { break }
      count = wanted
    }
    tables = FrameRun(first: next, count: count)
    stack = next &+ count
    mapped = end
    if let address = kernel.initialP2M {
      list = FrameRun(first: end, count: listFrames)
      listTables = FrameRun(first: list.end, count: StartLayout.tableCount(from: address, pages: listFrames))
      listAddress = address
      needed = listTables.end
    } else {
      list = inside
      listTables = FrameRun(first: 0, count: 0)
      listAddress = base &+ inside.first &<< 12
      needed = end
    }
  }

  /// How many tables of levels 1 to 3 map `pages` pages from `address` on.
  static func tableCount(from address: UInt64, pages: UInt64) -> UInt64 {
    guard pages > 0 else { return 0 }
    let last = address &+ pages &<< 12 &- 1
    var sum: UInt64 = 0
    var shift: UInt64 = 21
    while shift <= 39 {
      sum &+= last &>> shift &- address &>> shift &+ 1
      shift &+= 9
    }
    return sum
  }

  /// The address in the initial mapping of a frame.
  func address(_ frame: UInt64) -> UInt64 { base &+ frame &<< 12 }
}
