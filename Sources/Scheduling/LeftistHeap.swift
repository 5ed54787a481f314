// SPDX-License-Identifier: Apache-2.0
//
// The priority queue under the run queue: a leftist heap whose links live inside the entities, so that it needs no
// storage of its own, holds any number of entities, and inserts and removes in O(log n) at worst, without recursion.
//
// The rank of an entity is the length of the path down its right children. Keeping every left child's rank at least the
// right child's bounds each right path by log2(n + 1), and two heaps are melded along their right paths only.

/// One order over entities and the links that hold the heap sorted by it.
protocol HeapOrder {
  /// The time by which the heap is sorted.
  static func key(of entity: borrowing BVTEntity) -> VirtualTime
  /// The links of that heap.
  static func links(of entity: borrowing BVTEntity) -> HeapLinks
  /// Replaces the links of that heap.
  static func setLinks(of entity: inout BVTEntity, to links: HeapLinks)
}

/// All queued entities by actual virtual time: its root gives the queue's virtual time, and the next entity to run when
/// nobody borrows.
enum ActualTimeOrder: HeapOrder {
  static func key(of entity: borrowing BVTEntity) -> VirtualTime { entity.actual }
  static func links(of entity: borrowing BVTEntity) -> HeapLinks { entity.actualLinks }
  static func setLinks(of entity: inout BVTEntity, to links: HeapLinks) { entity.actualLinks = links }
}

/// The queued entities that borrow (warping ones, and wakers within the allowance), by effective virtual time.
enum EffectiveTimeOrder: HeapOrder {
  static func key(of entity: borrowing BVTEntity) -> VirtualTime { entity.effective }
  static func links(of entity: borrowing BVTEntity) -> HeapLinks { entity.effectiveLinks }
  static func setLinks(of entity: inout BVTEntity, to links: HeapLinks) { entity.effectiveLinks = links }
}

/// A leftist heap through the entities of a store.
struct LeftistHeap<Order: HeapOrder>: BitwiseCopyable {
  /// The entity that comes first, `none` when the heap is empty.
  private(set) var root = EntityIndex.none

  /// Adds an entity that is not in the heap.
  mutating func insert<Store: EntityStore & ~Copyable & ~Escapable>(_ index: EntityIndex, in store: inout Store) {
    Order.setLinks(of: &store[index], to: HeapLinks())
    root = meld(root, index, in: &store)
  }

  /// Takes out an entity that is in the heap.
  mutating func remove<Store: EntityStore & ~Copyable & ~Escapable>(_ index: EntityIndex, in store: inout Store) {
    let links = Order.links(of: store[index])
    let heir = meld(links.left, links.right, in: &store)
    if heir != .none { setParent(of: heir, to: links.parent, in: &store) }
    Order.setLinks(of: &store[index], to: HeapLinks())
    guard links.parent != .none else {
      root = heir
      return
    }
    var parentLinks = Order.links(of: store[links.parent])
    if parentLinks.left == index { parentLinks.left = heir } else { parentLinks.right = heir }
    Order.setLinks(of: &store[links.parent], to: parentLinks)
    restoreRanks(from: links.parent, upTo: .none, stoppingEarly: true, in: &store)
  }

  /// Whether `first` goes before `second`.
  private func precedes<Store: EntityStore & ~Copyable & ~Escapable>(
    _ first: EntityIndex, _ second: EntityIndex, in store: inout Store
  ) -> Bool {
    let distance = Order.key(of: store[first]).distance(from: Order.key(of: store[second]))
    return distance != 0 ? distance < 0 : store[first].tie < store[second].tie
  }

  /// Joins two heaps and returns the root of the result, whose parent is `none`.
  private func meld<Store: EntityStore & ~Copyable & ~Escapable>(
    _ first: EntityIndex, _ second: EntityIndex, in store: inout Store
  ) -> EntityIndex {
    guard first != .none else {
      if second != .none { setParent(of: second, to: .none, in: &store) }
      return second
    }
    guard second != .none else {
      setParent(of: first, to: .none, in: &store)
      return first
    }
    let firstLeads = precedes(first, second, in: &store)
    let top = firstLeads ? first : second
    var rest = firstLeads ? second : first
    setParent(of: top, to: .none, in: &store)
    // Down the right path of `top`: `rest` is the heap still to be hung in, below `node`.
    var node = top
    while true {
      var links = Order.links(of: store[node])
      let right = links.right
      if right != .none, precedes(right, rest, in: &store) {
        node = right
        continue
      }
      links.right = rest
      Order.setLinks(of: &store[node], to: links)
      setParent(of: rest, to: node, in: &store)
      if right == .none { break }
      node = rest
      rest = right
    }
    restoreRanks(from: node, upTo: top, stoppingEarly: false, in: &store)
    return top
  }

  /// Restores ranks and the left-heavy shape from `start` up to `end` (`none`: the root), both included. After a removal
  /// (`stoppingEarly`) ranks above an unchanged one are right already.
  private func restoreRanks<Store: EntityStore & ~Copyable & ~Escapable>(
    from start: EntityIndex, upTo end: EntityIndex, stoppingEarly: Bool, in store: inout Store
  ) {
    var node = start
    while node != .none {
      var links = Order.links(of: store[node])
      let leftRank = rank(of: links.left, in: &store)
      let rightRank = rank(of: links.right, in: &store)
      if leftRank < rightRank { swap(&links.left, &links.right) }
      let newRank = min(leftRank, rightRank) &+ 1
      let isUnchanged = newRank == links.rank
      links.rank = newRank
      Order.setLinks(of: &store[node], to: links)
      if node == end || (stoppingEarly && isUnchanged) { return }
      node = links.parent
    }
  }

  private func rank<Store: EntityStore & ~Copyable & ~Escapable>(
    of index: EntityIndex, in store: inout Store
  ) -> UInt32 {
    index == .none ? 0 : Order.links(of: store[index]).rank
  }

  private func setParent<Store: EntityStore & ~Copyable & ~Escapable>(
    of index: EntityIndex, to parent: EntityIndex, in store: inout Store
  ) {
    var links = Order.links(of: store[index])
    links.parent = parent
    Order.setLinks(of: &store[index], to: links)
  }
}
