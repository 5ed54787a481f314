// SPDX-License-Identifier: Apache-2.0
// A reference to one of the hypervisor's own records, without reference counting.
//
// Records (CPUs, domains, vCPUs, the hypervisor itself) live in type-stable memory: memory that once held a `T` never holds
// anything else, and is never given back. A stale reference therefore reads an old or recycled `T`, never foreign memory:
// that is what makes `Ref` memory-safe without a count. Who may touch which field when is said by locks, field by field.
import CMachine

/// A copyable, uncounted reference to a `T` in type-stable memory. `ref[]` is the record itself.
@safe
public struct Ref<T: ~Copyable>: Equatable, BitwiseCopyable, @unchecked Sendable {
  @usableFromInline let address: UnsafeMutablePointer<T>

  /// - Safety: `address` holds an initialised `T` in memory that will only ever hold a `T`.
  @unsafe @inlinable
  init(_ address: UnsafeMutablePointer<T>) { unsafe self.address = address }

  /// The record.
  @inlinable
  public subscript() -> T {
    // SAFETY: 1. The initialiser's promise: the memory holds a T for ever.
    unsafeAddress { unsafe UnsafePointer(address) }
    nonmutating unsafeMutableAddress { unsafe address }
  }

  /// Whether both name the same record.
  @inlinable
  public static func == (a: Ref<T>, b: Ref<T>) -> Bool {
    // SAFETY: 1. Addresses are compared, nothing is read.
    unsafe a.address == b.address
  }

  /// The address as a number: an identity for hashing, logging and the assembly's tables; never turned back except here.
  @inlinable
  public var identity: UInt64 {
    // SAFETY: 1. A number; nothing is read.
    unsafe UInt64(UInt(bitPattern: address))
  }

  /// - Safety: `identity` came from `identity` of a `Ref<T>` of the same `T`.
  @unsafe @inlinable
  init(identity: UInt64) {
    unsafe self.address = UnsafeMutablePointer(bitPattern: UInt(identity)).unsafelyUnwrapped
  }
}

/// The fixed places for records of which there is one: a number for each type, in one list, so that no two share one.
public enum AnchorSlot: Int {
  case hypervisor = 0
  case frameLedger = 1
  case machine = 2
  case console = 3
  case testing = 4
  case interruptRouting = 5
  case machineMemory = 6
}

/// A type of which one record exists, found without being passed around.
public protocol Anchored: ~Copyable {
  /// The type's own slot; no other type names it.
  static var anchorSlot: AnchorSlot { get }
}

extension Ref where T: Anchored, T: ~Copyable {
  /// The one `T`. Valid from `publish` on.
  @inlinable
  public static var shared: Ref<T> {
    // SAFETY: 1. `publish` put a Ref<T>'s identity there, as each slot belongs to one type; the array is never moved.
    unsafe withUnsafePointer(to: &martlet_anchors) {
      unsafe Ref(identity: UnsafeRawPointer($0).load(fromByteOffset: T.anchorSlot.rawValue &* 8, as: UInt64.self))
    }
  }

  /// Whether `publish` has run.
  public static var isPublished: Bool {
    // SAFETY: 1. As above; only compared with zero.
    unsafe withUnsafePointer(to: &martlet_anchors) {
      unsafe UnsafeRawPointer($0).load(fromByteOffset: T.anchorSlot.rawValue &* 8, as: UInt64.self) != 0
    }
  }

  /// Makes this record the one that `shared` gives.
  public func publish() {
    // SAFETY: 1. The slot belongs to T alone (`AnchorSlot`).
    unsafe withUnsafeMutablePointer(to: &martlet_anchors) {
      unsafe UnsafeMutableRawPointer($0).storeBytes(
        of: identity, toByteOffset: T.anchorSlot.rawValue &* 8, as: UInt64.self)
    }
  }
}
