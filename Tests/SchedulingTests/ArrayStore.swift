// SPDX-License-Identifier: Apache-2.0
//
// The entity store of the tests: entities in an array, with short names for setting one up.

@testable import Scheduling

let millisecond: UInt64 = 1_000_000
let microsecond: UInt64 = 1_000
let second: UInt64 = 1_000_000_000

/// A domain on a CPU.
struct WarpPlace: Hashable {
  var group: Int
  var cpu: Int
}

/// Entities by index.
struct ArrayStore: EntityStore {
  var entities: [BVTEntity] = []
  /// The domain that each entity belongs to, and what is left of each domain's budget.
  var groups: [Int] = []
  var budgets: [SharedBudget] = []
  /// What each domain may run warped on each CPU where it has begun to.
  var warpBudgets: [WarpPlace: WarpBudget] = [:]

  subscript(index: EntityIndex) -> BVTEntity {
    get { entities[Int(index.rawValue)] }
    _modify { yield &entities[Int(index.rawValue)] }
  }

  mutating func changeBudget(of index: EntityIndex, _ change: (inout SharedBudget) -> UInt64) -> UInt64 {
    change(&budgets[groups[Int(index.rawValue)]])
  }

  mutating func changeWarpBudget(of index: EntityIndex, cpu: Int, _ change: (inout WarpBudget) -> Bool) -> Bool {
    change(&warpBudgets[WarpPlace(group: groups[Int(index.rawValue)], cpu: cpu), default: WarpBudget()])
  }

  /// Whether what is drawn of each budget is the sum of the pieces that are held (Q5).
  var doPiecesAddUp: Bool {
    var held: [WarpPlace: UInt64] = [:]
    for (number, entity) in entities.enumerated() where entity.warp.piece != 0 {
      guard entity.membership == .queued || entity.membership == .current else { return false }
      held[WarpPlace(group: groups[number], cpu: Int(entity.cpu)), default: 0] += WarpBudget.units(entity.warp.piece)
    }
    return warpBudgets.allSatisfy {
      $0.value.drawn == held[$0.key, default: 0] << 12 && $0.value.drawn <= WarpBudget.whole
    }
  }

  /// Adds a domain and returns its number.
  mutating func addGroup() -> Int {
    budgets.append(SharedBudget())
    return budgets.count - 1
  }

  /// Adds an entity, to a domain of its own unless told otherwise, and returns its handle.
  mutating func add(
    weight: UInt16 = 256, warp: WarpSettings = .none, capBudget: UInt64 = 0, hard: CPUMask = .all, soft: CPUMask = .all,
    group: Int? = nil, sharers: UInt32 = 1, now: UInt64 = 0
  ) -> EntityIndex {
    var entity = BVTEntity(weight: weight, now: now)
    entity.setWarp(warp)
    entity.setCap(budget: capBudget, sharers: sharers)
    entity.setAffinity(hard: hard, soft: soft)
    entities.append(entity)
    groups.append(group ?? addGroup())
    return EntityIndex(UInt32(entities.count - 1))
  }
}

/// A repeatable source of random numbers (a 64-bit linear congruential generator with a mixed output).
struct Randomness {
  var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let mixed = (state ^ (state >> 29)) &* 0xBF58_476D_1CE4_E5B9
    return mixed ^ (mixed >> 32)
  }

  /// A number from 0 up to, not including, `bound`.
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}
