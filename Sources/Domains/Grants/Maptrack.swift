// SPDX-License-Identifier: Apache-2.0
// What a domain has mapped of others' grants, by the handles that it was given.
import Frames
import Machine
import XenABI

/// One handle: free, being worked on, or a mapping. Eight bytes, as there are many.
public struct MaptrackEntry: Equatable, BitwiseCopyable {
  // Bit 63: taken. Bit 62: an operation is at work on it. Bits 52-48: GNTMAP flags. Bits 47-32: the granter. Bits 31-0: the
  // grant's number; in a free entry, the next free handle.
  var raw: UInt64

  static let taken: UInt64 = 1 &<< 63
  static let busy: UInt64 = 1 &<< 62

  @inline(__always) init(raw: UInt64) { self.raw = raw }

  /// A mapping.
  @inline(__always)
  public init(_ granter: DomainID, _ reference: GrantReference, _ flags: GrantMapFlags) {
    raw = MaptrackEntry.taken | UInt64(reference.raw) | UInt64(granter.raw) &<< 32
    raw |= UInt64(flags.rawValue & 0x1f) &<< 48
  }

  /// Whether it is a mapping that no operation is at work on.
  @inline(__always) var isIdleMapping: Bool { raw &>> 62 == 2 }
  /// Whose grant is mapped.
  @inline(__always) public var granter: DomainID { DomainID(UInt16(truncatingIfNeeded: raw &>> 32)) }
  /// Which grant.
  @inline(__always) public var reference: GrantReference { GrantReference(UInt32(truncatingIfNeeded: raw)) }
  /// How it is mapped now.
  @inline(__always) public var flags: GrantMapFlags {
    GrantMapFlags(rawValue: UInt32(truncatingIfNeeded: raw &>> 48 & 0x1f))
  }
}

/// The handles of one domain. Part of its grant table, under the same lock.
public struct Maptrack: ~Copyable {
  var entries: PagedTable<MaptrackEntry>
  var firstFree = Maptrack.end
  let limit: Int
  /// How many handles are taken.
  public private(set) var inUse = 0

  static var end: UInt32 { UInt32.max }

  init(room: MachineFrame, limit: Int) {
    entries = PagedTable(directory: room, word: DomainRoom.mappings, places: DomainRoom.directoryPlaces)
    self.limit = min(limit, PagedTable<MaptrackEntry>.limit)
  }

  /// How many handles exist, taken or free: all are below this.
  public var count: Int { entries.count }

  /// Takes a handle for an operation to fill in or give back. Nil at the limit or without memory.
  @inline(__always)
  public mutating func reserve() -> UInt32? {
    if firstFree == Maptrack.end && !grow() { return nil }
    let handle = firstFree
    // What stands there does not look like a mapping to anybody until `set`.
    firstFree = UInt32(truncatingIfNeeded: entries[Int(handle)].raw)
    inUse &+= 1
    return handle
  }

  mutating func grow() -> Bool {
    let first = entries.count
    guard first < limit, entries.addFrame(initial: MaptrackEntry(raw: UInt64(Maptrack.end))) else { return false }
    let last = min(entries.count, limit) &- 1
    var handle = last
    while handle >= first {
      entries[handle] = MaptrackEntry(raw: UInt64(firstFree))
      firstFree = UInt32(truncatingIfNeeded: handle)
      handle &-= 1
    }
    return true
  }

  /// Makes a handle that the caller has reserved or claimed a mapping that others can use.
  @inline(__always)
  public mutating func set(_ handle: UInt32, _ entry: MaptrackEntry) { entries[Int(handle)] = entry }

  /// Takes a mapping for an operation to work on: nobody else can until `set` or `free`. Nil if there is no such mapping or
  /// another operation is at work on it.
  @inline(__always)
  public mutating func claim(_ handle: UInt32) -> MaptrackEntry? {
    guard UInt64(handle) < UInt64(entries.count) else { return nil }
    let entry = entries[Int(handle)]
    guard entry.isIdleMapping else { return nil }
    entries[Int(handle)] = MaptrackEntry(raw: entry.raw | MaptrackEntry.busy)
    return entry
  }

  /// Gives back a handle that the caller has reserved or claimed.
  @inline(__always)
  public mutating func free(_ handle: UInt32) {
    entries[Int(handle)] = MaptrackEntry(raw: UInt64(firstFree))
    firstFree = handle
    inUse &-= 1
  }

  /// The mapping with a handle, if there is one that no operation is at work on.
  public func mapping(_ handle: Int) -> MaptrackEntry? {
    guard handle >= 0, handle < entries.count, entries[handle].isIdleMapping else { return nil }
    return entries[handle]
  }

  mutating func shrink() -> MachineFrame? { entries.shrink() }
}
