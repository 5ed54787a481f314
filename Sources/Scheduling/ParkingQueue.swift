// SPDX-License-Identifier: Apache-2.0
//
// Entities over their cap wait here for their next window. All windows have one length, so who parks later is due no
// earlier, and a list in order of arrival is in order of due time.

/// A list of parked entities through their links, oldest first.
struct ParkingQueue: BitwiseCopyable {
  /// The entity that is due first, `none` when nobody is parked.
  private(set) var head = EntityIndex.none
  private var tail = EntityIndex.none

  /// Adds an entity that is in no heap, at the end.
  mutating func append<Store: EntityStore & ~Copyable & ~Escapable>(_ index: EntityIndex, in store: inout Store) {
    var links = HeapLinks()
    links.parent = tail
    store[index].actualLinks = links
    if tail == .none { head = index } else { store[tail].actualLinks.left = index }
    tail = index
  }

  /// Takes out an entity that is parked.
  mutating func remove<Store: EntityStore & ~Copyable & ~Escapable>(_ index: EntityIndex, in store: inout Store) {
    let links = store[index].actualLinks
    if links.parent == .none { head = links.left } else { store[links.parent].actualLinks.left = links.left }
    if links.left == .none { tail = links.parent } else { store[links.left].actualLinks.parent = links.parent }
    store[index].actualLinks = HeapLinks()
  }

  /// When the first entity is due, in nanoseconds of system time; `UInt64.max` when nobody is parked.
  func due<Store: EntityStore & ~Copyable & ~Escapable>(in store: inout Store) -> UInt64 {
    head == .none ? UInt64.max : store[head].cap.windowEnd
  }
}
