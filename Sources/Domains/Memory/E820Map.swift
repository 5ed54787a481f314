// SPDX-License-Identifier: Apache-2.0
// Maps of physical memory in the form in which the firmware gives them (INT 15h, AX=E820h), and guests ask for them.
import XenABI

/// One range of a memory map, as INT 15h AX=E820h reports it.
public struct E820Entry: Equatable, BitwiseCopyable {
  /// Its first byte's address.
  public var start: UInt64
  /// How many bytes it has.
  public var size: UInt64
  /// What it is: 1 RAM, 2 reserved, 3 ACPI tables, 4 ACPI non-volatile storage, 5 unusable.
  public var kind: UInt32

  /// A range of `size` bytes from `start`, of a kind as firmware numbers them.
  public init(start: UInt64, size: UInt64, kind: UInt32) {
    self.start = start
    self.size = size
    self.kind = kind
  }

  /// Bytes of an entry as guests see it: the three fields without padding.
  public static let wireSize: UInt64 = 20
}

/// A memory map of up to 128 ranges (what INT 15h callers make room for).
public struct E820Map: BitwiseCopyable {
  /// The most ranges a map can have.
  public static let capacity = 128

  var entries = InlineArray<128, E820Entry>(repeating: E820Entry(start: 0, size: 0, kind: 0))
  /// How many ranges it has.
  public private(set) var count = 0

  /// An empty map.
  public init() {}

  /// Adds a range; false when the map is full.
  public mutating func append(_ entry: E820Entry) -> Bool {
    guard count < E820Map.capacity else { return false }
    entries[count] = entry
    count &+= 1
    return true
  }

  /// The range at `index`, which must be below `count`.
  public subscript(index: Int) -> E820Entry { entries[index] }
}
