// SPDX-License-Identifier: Apache-2.0

// The RAM that is still free while the machine boots: whole pages of usable memory, minus what has been reserved. The
// frame allocator takes over what is left at the end.

/// Free RAM as sorted, disjoint, page-aligned ranges.
public struct FreeMemory {
  /// The free ranges by rising address; all page-aligned and not empty.
  public private(set) var ranges = FixedList<192, PhysicalRange>(placeholder: .empty)

  /// Bytes given up because a reservation split a range and the list had no room for both parts.
  public private(set) var bytesLost: UInt64 = 0

  /// The whole pages of usable RAM in a map, below `limit` (a page-aligned physical address; firmware maps name RAM
  /// that the CPU cannot address or the direct map does not reach).
  public init(_ map: MemoryMap, below limit: UInt64) {
    for index in map.entries.indices where map.entries[index].kind == .usable {
      let range = map.entries[index].range
      guard range.start < limit, let cut = PhysicalRange(start: range.start, end: min(range.end, limit)) else {
        continue
      }
      let pages = cut.wholePages
      if pages.isEmpty { continue }
      if !ranges.append(pages) { bytesLost &+= pages.length }
    }
  }

  /// Bytes free.
  public var totalBytes: UInt64 {
    var total: UInt64 = 0
    for index in ranges.indices { total += ranges[index].length }
    return total
  }

  /// True when every byte of `range` is free.
  public func contains(_ range: PhysicalRange) -> Bool {
    for index in ranges.indices where ranges[index].contains(range) { return true }
    return false
  }

  /// Takes all pages that `range` touches out of the free memory.
  public mutating func reserve(_ range: PhysicalRange) {
    let taken = range.isEmpty ? .empty : range.touchedPages
    var index = 0
    while index < ranges.count {
      let free = ranges[index]
      guard free.overlaps(taken) else {
        index += 1
        continue
      }
      let before = PhysicalRange(start: free.start, end: max(free.start, min(taken.start, free.end))) ?? .empty
      let after = PhysicalRange(start: min(free.end, max(taken.end, free.start)), end: free.end) ?? .empty
      index += replace(at: index, with: before, and: after)
    }
  }

  /// Puts what is left of a range in its place; returns the number of ranges that now stand there.
  private mutating func replace(at index: Int, with before: PhysicalRange, and after: PhysicalRange) -> Int {
    switch (before.isEmpty, after.isEmpty) {
    case (true, true):
      ranges.remove(at: index)
      return 0
    case (false, true):
      ranges[index] = before
      return 1
    case (true, false):
      ranges[index] = after
      return 1
    case (false, false):
      if ranges.isFull {
        ranges[index] = before.length >= after.length ? before : after
        bytesLost &+= min(before.length, after.length)
        return 1
      }
      ranges[index] = before
      ranges.insert(after, at: index + 1)
      return 2
    }
  }

  /// Finds and reserves free memory, as high as possible (low memory is scarce: devices and real-mode code want it).
  ///
  /// - Parameters:
  ///   - length: bytes wanted, more than zero; rounded up to whole pages.
  ///   - alignment: of the start address; a power of two, at least a page.
  ///   - limit: the memory ends at or below this physical address.
  /// - Returns: the start address, or nil when there is no such range.
  public mutating func take(_ length: UInt64, alignment: UInt64 = 4096, below limit: UInt64 = UInt64.max) -> UInt64? {
    guard length > 0, length <= UInt64.max - pageSize, alignment >= pageSize, alignment.nonzeroBitCount == 1 else {
      return nil
    }
    let size = (length + (pageSize - 1)) & ~(pageSize - 1)
    var index = ranges.count
    while index > 0 {
      index -= 1
      let free = ranges[index]
      let end = min(free.end, limit & ~(pageSize - 1))
      guard end > free.start, end - free.start >= size else { continue }
      let start = (end - size) & ~(alignment - 1)
      guard start >= free.start else { continue }
      reserve(PhysicalRange(start: start, length: size))
      return start
    }
    return nil
  }
}
