// SPDX-License-Identifier: Apache-2.0
//
// How the run queue names and reaches the entities it schedules. The queue owns no entity: the caller keeps each
// `BVTEntity` inside its own vCPU record and hands the queue a store, so that no scheduling operation ever allocates.

/// A small handle for one schedulable entity (a vCPU), chosen by the caller; only the store gives it a meaning.
public struct EntityIndex: Equatable, BitwiseCopyable, Sendable {
  /// The caller's number for the entity. `UInt32.max` is reserved for `none`.
  public let rawValue: UInt32

  /// Makes the handle numbered `rawValue`.
  public init(_ rawValue: UInt32) { self.rawValue = rawValue }

  /// The handle that names no entity: ends every chain of links inside the queue.
  public static var none: EntityIndex { EntityIndex(UInt32.max) }

  /// `nil` for `none`, otherwise the handle itself.
  public var ifPresent: EntityIndex? { self == .none ? nil : self }
}

/// Access to the scheduling state of every entity by handle. Dispatch is static: every queue operation is generic over it.
///
/// The queue passes only handles that it was given by `RunQueue.admit` and that were not withdrawn since. An
/// implementation must keep an entity at its handle for that long, must let one queue's entities be used under that
/// queue's lock, and answers any other handle without trapping (with a scratch entity, say). A `_modify` (or an
/// addressor) that works in place makes the operations cheap; plain `get` and `set` are correct as well.
public protocol EntityStore: ~Copyable, ~Escapable {
  /// The scheduling state of the entity at `index`.
  subscript(index: EntityIndex) -> BVTEntity { get set }

  /// Changes the budget that the entity at `index` shares with the others of its domain, as one step that no other CPU comes
  /// between, and gives what `change` gives. `change` may be called more than once, with a budget that others have changed.
  mutating func changeBudget(of index: EntityIndex, _ change: (inout SharedBudget) -> UInt64) -> UInt64

  /// Changes the budget for bursts that the entity at `index` shares with the others of its domain on `cpu`, and gives what
  /// `change` gives. A queue asks for its own CPU only, and so under its own lock: nobody else touches that budget meanwhile.
  mutating func changeWarpBudget(of index: EntityIndex, cpu: Int, _ change: (inout WarpBudget) -> Bool) -> Bool
}
