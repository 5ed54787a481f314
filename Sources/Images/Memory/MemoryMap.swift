// SPDX-License-Identifier: Apache-2.0

// The memory map as firmware states it, and as it should have been stated: real maps are unsorted, overlap, and name
// kinds nobody has heard of. Sanitising decides every address once, by the most restrictive entry that covers it.

/// What a stretch of physical addresses is for. Raw values are those of the BIOS call e820, which multiboot, multiboot2
/// and `XENMEM_machine_memory_map` share.
public enum MemoryKind: UInt32 {
  /// RAM free for use.
  case usable = 1
  /// Not RAM, or not ours.
  case reserved = 2
  /// RAM that holds ACPI tables.
  case acpiReclaimable = 3
  /// RAM that firmware needs kept, also over sleep.
  case acpiNonVolatile = 4
  /// RAM found defective.
  case unusable = 5
  /// Persistent memory.
  case persistent = 7

  /// The kind of a raw e820 type; types without a name here count as reserved.
  public init(type: UInt32) { self = MemoryKind(rawValue: type) ?? .reserved }

  /// Which kind wins where entries overlap: the higher.
  var strength: Int {
    switch self {
    case .usable: 0
    case .acpiReclaimable: 1
    case .acpiNonVolatile: 2
    case .persistent: 3
    case .reserved: 4
    case .unusable: 5
    }
  }
}

/// One entry of a memory map.
public struct MemoryRange: Equatable {
  /// The addresses.
  public var range: PhysicalRange
  /// What they are for.
  public var kind: MemoryKind

  /// An entry for `range`.
  public init(range: PhysicalRange, kind: MemoryKind) {
    self.range = range
    self.kind = kind
  }

  /// A filler for unused slots.
  static var placeholder: MemoryRange { MemoryRange(range: .empty, kind: .reserved) }
}

/// The entries of the boot loader's memory map, in its order.
public typealias RawMemoryMap = FixedList<128, MemoryRange>

/// A memory map whose entries are sorted, do not overlap, are not empty, and do not touch an entry of the same kind.
public struct MemoryMap {
  /// The entries by rising address. (Two raw entries can split an address space into at most three.)
  public private(set) var entries = FixedList<256, MemoryRange>(placeholder: .placeholder)

  /// Sorts out a raw map: where entries overlap, the most restrictive kind holds.
  public init(sanitizing raw: RawMemoryMap) {
    var edges = FixedList<256, UInt64>(placeholder: 0)
    for index in raw.indices where !raw[index].range.isEmpty {
      Self.insertEdge(raw[index].range.start, into: &edges)
      Self.insertEdge(raw[index].range.end, into: &edges)
    }
    guard edges.count > 1 else { return }
    for index in 0..<(edges.count - 1) {
      guard let stretch = PhysicalRange(start: edges[index], end: edges[index + 1]),
        let kind = Self.kind(of: stretch, in: raw)
      else { continue }
      append(stretch, kind)
    }
  }

  /// Keeps `edges` sorted and without repetition.
  private static func insertEdge(_ edge: UInt64, into edges: inout FixedList<256, UInt64>) {
    var position = edges.count
    while position > 0, edges[position - 1] > edge { position -= 1 }
    if position > 0, edges[position - 1] == edge { return }
    edges.insert(edge, at: position)
  }

  /// The strongest kind among the raw entries that cover a stretch, or nil when none does.
  private static func kind(of stretch: PhysicalRange, in raw: RawMemoryMap) -> MemoryKind? {
    var strongest: MemoryKind?
    for index in raw.indices where raw[index].range.contains(stretch) {
      if let kind = strongest, kind.strength >= raw[index].kind.strength { continue }
      strongest = raw[index].kind
    }
    return strongest
  }

  private mutating func append(_ stretch: PhysicalRange, _ kind: MemoryKind) {
    if let last = entries.element(at: entries.count - 1), last.kind == kind, last.range.end == stretch.start,
      let joined = PhysicalRange(start: last.range.start, end: stretch.end)
    {
      entries[entries.count - 1].range = joined
    } else {
      entries.append(MemoryRange(range: stretch, kind: kind))
    }
  }

  /// Has usable RAM end at a page boundary: at `end`, and where there are `bytes` of it; nil for no limit. What lies below
  /// `needed` stays, so that the hypervisor and what the loader has put into memory are never cut off. Other kinds stay.
  public mutating func cutUsable(end: UInt64?, bytes: UInt64?, keeping needed: UInt64) {
    var last = end ?? .max
    if let bytes {
      var left = bytes
      for index in entries.indices where entries[index].kind == .usable {
        let range = entries[index].range
        if left < range.length { last = min(last, range.start &+ left) }
        left = left < range.length ? 0 : left &- range.length
      }
    }
    last = max(last & ~0xfff, needed > .max &- 0xfff ? .max : (needed &+ 0xfff) & ~0xfff)
    var kept = FixedList<256, MemoryRange>(placeholder: .placeholder)
    for index in entries.indices {
      var entry = entries[index]
      if entry.kind == .usable {
        guard entry.range.start < last,
          let cut = PhysicalRange(start: entry.range.start, end: min(entry.range.end, last))
        else { continue }
        entry.range = cut
      }
      kept.append(entry)
    }
    entries = kept
  }

  /// Whether all of a range is RAM.
  public func isUsable(_ range: PhysicalRange) -> Bool {
    for index in entries.indices where entries[index].kind == .usable && entries[index].range.contains(range) {
      return true
    }
    return false
  }

  /// Bytes of usable RAM.
  public var usableBytes: UInt64 {
    var total: UInt64 = 0
    for index in entries.indices where entries[index].kind == .usable { total += entries[index].range.length }
    return total
  }

  /// The address after the last byte of RAM of any sort (usable, ACPI, defective), which bounds the direct map.
  public var endOfRAM: UInt64 {
    var end: UInt64 = 0
    for index in entries.indices {
      switch entries[index].kind {
      case .usable, .acpiReclaimable, .acpiNonVolatile, .unusable: end = entries[index].range.end
      case .reserved, .persistent: break
      }
    }
    return end
  }
}
