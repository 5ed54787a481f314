// SPDX-License-Identifier: Apache-2.0

// The one range type of the boot code: half-open, never inverted, never wrapping, whatever firmware or a file says.

/// Size of a page and frame in bytes.
let pageSize: UInt64 = 4096

/// The physical addresses `start..<end`, in bytes; `start <= end` always holds.
public struct PhysicalRange: Equatable {
  /// First address.
  public let start: UInt64
  /// Address after the last one.
  public let end: UInt64

  /// The range `start..<end`, or nil when `end` comes before `start`.
  public init?(start: UInt64, end: UInt64) {
    guard start <= end else { return nil }
    self.start = start
    self.end = end
  }

  /// `length` bytes from `start`; a length that would pass the end of the address space is cut there.
  public init(start: UInt64, length: UInt64) {
    self.start = start
    self.end = length > UInt64.max - start ? UInt64.max : start + length
  }

  /// An empty range at zero.
  public static var empty: PhysicalRange { PhysicalRange(start: 0, length: 0) }

  /// Length in bytes.
  public var length: UInt64 { end - start }

  /// True when the range holds no address.
  public var isEmpty: Bool { start == end }

  /// True when `other` lies wholly inside.
  public func contains(_ other: PhysicalRange) -> Bool { start <= other.start && other.end <= end }

  /// True when the two share an address.
  public func overlaps(_ other: PhysicalRange) -> Bool {
    start < other.end && other.start < end && !isEmpty && !other.isEmpty
  }

  /// The whole pages inside: start rounded up, end rounded down.
  public var wholePages: PhysicalRange {
    let last = end & ~(pageSize - 1)
    guard start <= UInt64.max - (pageSize - 1) else { return .empty }
    let first = (start + (pageSize - 1)) & ~(pageSize - 1)
    return PhysicalRange(start: first, end: last) ?? .empty
  }

  /// The pages touched: start rounded down, end rounded up. (Where rounding up would leave the address space, the end
  /// stays.)
  public var touchedPages: PhysicalRange {
    let first = start & ~(pageSize - 1)
    let last = end > UInt64.max - (pageSize - 1) ? end : (end + (pageSize - 1)) & ~(pageSize - 1)
    return PhysicalRange(start: first, end: last) ?? .empty
  }
}
