// SPDX-License-Identifier: Apache-2.0
//
// The rules at the head of RunQueue.swift as code, for tests and debug builds. It visits every queued entity.

extension RunQueue {
  /// The first rule found broken, `nil` when all hold.
  public func firstBrokenRule<Store: EntityStore & ~Copyable & ~Escapable>(in store: inout Store) -> StaticString? {
    var queued: UInt32 = 0
    var borrowing = 0
    var weight: UInt64 = 0
    var walk = HeapWalk(byActualTime)
    while walk.position != .none {
      let entity = store[walk.position]
      if entity.membership != .queued || entity.account.state != .runnable { return "Q1: a queued entity is elsewhere" }
      if Int(entity.cpu) != cpu { return "Q1: a queued entity belongs to another CPU" }
      if entity.actual.precedes(virtualTime) { return "Q3: an entity is behind the virtual time" }
      if let broken = entity.warp.brokenPiece { return broken }
      if let broken = brokenShape(at: walk.position, of: byActualTime, in: &store) { return broken }
      queued &+= 1
      weight &+= UInt64(entity.weight)
      borrowing &+= entity.isBorrowing ? 1 : 0
      walk.advance(in: store)
    }
    var borrowers = HeapWalk(byEffectiveTime)
    while borrowers.position != .none {
      let entity = store[borrowers.position]
      if entity.membership != .queued || !entity.isBorrowing { return "Q2: the heap of borrowers holds a stranger" }
      if let broken = brokenShape(at: borrowers.position, of: byEffectiveTime, in: &store) { return broken }
      borrowing &-= 1
      borrowers.advance(in: store)
    }
    if borrowing != 0 { return "Q2: a borrower is missing from its heap" }
    if currentIndex != .none {
      let entity = store[currentIndex]
      if entity.membership != .current || Int(entity.cpu) != cpu { return "Q1: the current entity is elsewhere" }
      if entity.account.state == .runnable { return "Q1: the current entity waits" }
      if let broken = entity.warp.brokenPiece { return broken }
      if entity.account.state == .running {
        queued &+= 1
        weight &+= UInt64(entity.weight)
      }
    }
    if queued != runnableCount { return "Q4: the count is wrong" }
    if weight != runnableWeight { return "Q4: the weight is wrong" }
    return nil
  }

  /// Checks one entity against its children: order, parent links, ranks.
  private func brokenShape<Order: HeapOrder, Store: EntityStore & ~Copyable & ~Escapable>(
    at index: EntityIndex, of heap: LeftistHeap<Order>, in store: inout Store
  ) -> StaticString? {
    let links = Order.links(of: store[index])
    if (links.parent == .none) != (heap.root == index) { return "heap: a root has a parent, or another has none" }
    var leftRank: UInt32 = 0
    var rightRank: UInt32 = 0
    if links.left != .none {
      leftRank = Order.links(of: store[links.left]).rank
      if Order.links(of: store[links.left]).parent != index { return "heap: a left child has another parent" }
      if Order.key(of: store[links.left]).precedes(Order.key(of: store[index])) { return "heap: out of order" }
    }
    if links.right != .none {
      rightRank = Order.links(of: store[links.right]).rank
      if Order.links(of: store[links.right]).parent != index { return "heap: a right child has another parent" }
      if Order.key(of: store[links.right]).precedes(Order.key(of: store[index])) { return "heap: out of order" }
    }
    if leftRank < rightRank { return "heap: a right side outranks the left" }
    if links.rank != rightRank &+ 1 { return "heap: a rank is wrong" }
    return nil
  }
}

extension WarpState {
  /// What is wrong with the piece of a queued or current entity. That the pieces add up is for the store's owner to see.
  fileprivate var brokenPiece: StaticString? {
    if isActive, settings.isForWakers, piece == 0 { return "Q5: a burst has drawn nothing" }
    if piece != 0, !isActive { return "Q5: a piece outlives its burst" }
    return piece > settings.limit ? "Q5: a piece is larger than a burst" : nil
  }
}
