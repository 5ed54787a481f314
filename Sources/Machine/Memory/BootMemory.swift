// SPDX-License-Identifier: Apache-2.0
// Which memory is free while the machine is being set up, before there is a frame allocator.

/// Ranges of free frames, from which boot takes what it needs for good; the rest goes to the frame allocator.
public struct BootMemory: ~Copyable {
  // Sorted, not overlapping: start (inclusive) and end (exclusive) frame numbers.
  var starts = InlineArray<128, UInt64>(repeating: 0)
  var ends = InlineArray<128, UInt64>(repeating: 0)
  /// How many ranges there are.
  public private(set) var count = 0
  /// Frames from this one on are not given out: boot's page tables show only the first 4 GiB, until the lasting ones are in
  /// place.
  public var reach: UInt64 = 1 &<< 20

  /// No memory.
  public init() {}

  /// A free range by its place, as frame numbers.
  public func range(_ index: Int) -> (start: UInt64, end: UInt64) { (starts[index], ends[index]) }

  /// Adds a free range of frames. Ranges come in ascending order; false when there is no room or no order.
  public mutating func add(start: UInt64, end: UInt64) -> Bool {
    guard start < end else { return true }
    guard count < 128, count == 0 || ends[count &- 1] <= start else { return false }
    starts[count] = start
    ends[count] = end
    count &+= 1
    return true
  }

  /// Takes a range out of what is free, whatever of it is.
  public mutating func reserve(start: UInt64, end: UInt64) {
    guard start < end else { return }
    var index = 0
    while index < count {
      let (s, e) = (starts[index], ends[index])
      if end <= s || start >= e {
        index &+= 1
      } else if start <= s && end >= e {
        for rest in index..<count &- 1 {
          starts[rest] = starts[rest &+ 1]
          ends[rest] = ends[rest &+ 1]
        }
        count &-= 1
      } else if start <= s {
        starts[index] = end
        index &+= 1
      } else if end >= e {
        ends[index] = start
        index &+= 1
      } else {
        ends[index] = start
        if count < 128 {
          var rest = count
          while rest > index &+ 1 {
            starts[rest] = starts[rest &- 1]
            ends[rest] = ends[rest &- 1]
            rest &-= 1
          }
          starts[index &+ 1] = end
          ends[index &+ 1] = e
          count &+= 1
        }
        index &+= 2
      }
    }
  }

  /// Takes `frames` contiguous frames, aligned to `alignment` frames (a power of two), that end at or below frame `limit`:
  /// the highest that fit. Nil when there are none.
  public mutating func allocate(frames: UInt64, alignment: UInt64 = 1, limit: UInt64 = UInt64.max) -> MachineFrame? {
    var index = count
    while index > 0 {
      index &-= 1
      let end = min(ends[index], limit, reach)
      guard end >= frames, end > starts[index] else { continue }
      let start = (end &- frames) & ~(alignment &- 1)
      guard start >= starts[index] else { continue }
      reserve(start: start, end: start &+ frames)
      return MachineFrame(start)
    }
    return nil
  }

  /// Whether all frames of a range are free.
  public func isFree(start: UInt64, end: UInt64) -> Bool {
    for index in 0..<count where starts[index] <= start && end <= ends[index] { return true }
    return false
  }

  /// How many frames are free.
  public var total: UInt64 {
    var sum: UInt64 = 0
    for index in 0..<count { sum &+= ends[index] &- starts[index] }
    return sum
  }
}
