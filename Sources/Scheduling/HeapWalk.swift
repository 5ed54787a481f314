// SPDX-License-Identifier: Apache-2.0
//
// A walk over all entities of a heap, parents before children, with neither recursion nor memory: it climbs back by the
// parent links. Work stealing and the invariant checker look at entities through it.

/// A position in a preorder walk. The heap must not change during the walk.
struct HeapWalk<Order: HeapOrder> {
  /// The entity at which the walk stands, `none` at its end.
  private(set) var position: EntityIndex

  /// Starts at the first entity of `heap`.
  init(_ heap: LeftistHeap<Order>) { position = heap.root }

  /// Goes on to the next entity.
  mutating func advance<Store: EntityStore & ~Copyable & ~Escapable>(in store: borrowing Store) {
    guard position != .none else { return }
    var links = Order.links(of: store[position])
    // A leftist heap has no right child without a left one.
    if links.left != .none {
      position = links.left
      return
    }
    while links.parent != .none {
      let child = position
      position = links.parent
      links = Order.links(of: store[position])
      if links.left == child, links.right != .none {
        position = links.right
        return
      }
    }
    position = .none
  }
}

extension RunQueue {
  /// Calls `body` for every queued entity (not the current, not parked ones), in no particular order; for a debug key.
  public func forEachQueued<Store: EntityStore & ~Copyable & ~Escapable>(
    in store: borrowing Store, _ body: (EntityIndex) -> Void
  ) {
    var walk = HeapWalk(byActualTime)
    while walk.position != .none {
      body(walk.position)
      walk.advance(in: store)
    }
  }

  /// Some queued or parked entity, `nil` when there is none: withdraw it, and again, to empty the queue of a CPU that
  /// goes offline.
  public var anyWaiting: EntityIndex? { byActualTime.root.ifPresent ?? parked.head.ifPresent }
}
