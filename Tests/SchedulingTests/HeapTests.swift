// SPDX-License-Identifier: Apache-2.0
//
// The leftist heap against a sorted array, and its bound on work.

import Testing

@testable import Scheduling

/// A store that counts how often it is asked.
struct CountingStore: EntityStore {
  var entities: [BVTEntity] = []
  var accesses = 0
  subscript(index: EntityIndex) -> BVTEntity {
    get { entities[Int(index.rawValue)] }
    _modify {
      accesses += 1
      yield &entities[Int(index.rawValue)]
    }
  }
  mutating func changeBudget(of index: EntityIndex, _ change: (inout SharedBudget) -> UInt64) -> UInt64 { 0 }
  mutating func changeWarpBudget(of index: EntityIndex, cpu: Int, _ change: (inout WarpBudget) -> Bool) -> Bool { true }
}

struct HeapTests {
  @Test("Insertions and removals in any order", arguments: 0..<20)
  func againstSortedArray(seed: UInt64) {
    var random = Randomness(seed: seed)
    var store = ArrayStore()
    var heap = LeftistHeap<ActualTimeOrder>()
    let base = UInt64(bitPattern: -50)
    for number in 0..<64 {
      let index = store.add()
      store[index].ticket = UInt64(number)
    }
    var inside: [Int] = []
    func precedes(_ left: Int, _ right: Int) -> Bool {
      let (first, second) = (store.entities[left], store.entities[right])
      let distance = first.actual.distance(from: second.actual)
      return distance != 0 ? distance < 0 : first.tie < second.tie
    }
    for _ in 0..<400 {
      let number = random.below(64)
      if let position = inside.firstIndex(of: number) {
        heap.remove(EntityIndex(UInt32(number)), in: &store)
        inside.remove(at: position)
      } else {
        store.entities[number].actual = VirtualTime(base &+ random.next() % 100)
        store.entities[number].isWoken = random.below(2) == 0
        heap.insert(EntityIndex(UInt32(number)), in: &store)
        inside.append(number)
      }
      let least = inside.min(by: precedes)
      #expect(heap.root.ifPresent?.rawValue == least.map { UInt32($0) })
      var walk = HeapWalk(heap)
      var seen: [Int] = []
      while walk.position != .none, seen.count <= 64 {
        seen.append(Int(walk.position.rawValue))
        walk.advance(in: store)
      }
      #expect(seen.sorted() == inside.sorted())
    }
  }

  @Test("No operation on 1,024 entities changes more than some multiple of log n of them")
  func boundedWork() {
    var store = CountingStore()
    var heap = LeftistHeap<ActualTimeOrder>()
    var worst = 0
    func measure(_ operation: (inout LeftistHeap<ActualTimeOrder>, inout CountingStore) -> Void) {
      store.accesses = 0
      operation(&heap, &store)
      worst = max(worst, store.accesses)
    }
    var random = Randomness(seed: 1)
    for number in 0..<1_024 {
      var entity = BVTEntity(now: 0)
      // Descending, ascending and random runs: chains to the left, then mixtures.
      entity.actual = VirtualTime(
        number < 400 ? UInt64(5_000 - number) : number < 800 ? UInt64(number) : random.next() % 6_000)
      store.entities.append(entity)
      measure { $0.insert(EntityIndex(UInt32(number)), in: &$1) }
    }
    var order = Array(0..<1_024)
    for position in order.indices { order.swapAt(position, random.below(1_024)) }
    for number in order { measure { $0.remove(EntityIndex(UInt32(number)), in: &$1) } }
    #expect(heap.root == .none)
    // Right paths are at most 10 long; melding walks two of them down and up, at two changes an entity.
    #expect(worst <= 80)
  }
}
