// SPDX-License-Identifier: Apache-2.0
// A ticket lock that owns what it protects.
import CMachine

/// State that only one CPU at a time may touch. The state is reached through `withLock` alone.
///
/// While it waits, a CPU runs `Waiting.step`: it answers TLB flush requests, so that the CPU it waits for can itself wait for
/// a flush to be answered.
@safe
public struct Lock<State: ~Copyable>: ~Copyable, @unchecked Sendable {
  // Low half: the ticket being served. High half: the next ticket to hand out.
  @usableFromInline var tickets: UInt32
  @usableFromInline let rank: LockRank
  @usableFromInline var state: State

  /// A lock of the given rank around `state`.
  @inlinable public init(_ rank: LockRank, _ state: consuming State) {
    tickets = 0
    self.rank = rank
    self.state = state
  }

  @inlinable @inline(__always)
  mutating func acquire() {
    LockOrder.willTake(rank)
    spin()
  }

  @inlinable @inline(__always)
  mutating func spin() {
    // SAFETY: 1. One word of ours.
    let ticket = unsafe martlet_add32(&tickets, 0x1_0000) &>> 16
    while unsafe martlet_load32(&tickets) & 0xffff != ticket { Waiting.step() }
  }

  @inlinable @inline(__always)
  mutating func release() {
    unlock()
    LockOrder.didRelease(rank)
  }

  @inlinable @inline(__always)
  mutating func unlock() {
    // SAFETY: 1. One half-word of ours: the low half is only written by the holder.
    unsafe withUnsafeMutablePointer(to: &tickets) {
      let serving = UnsafeMutableRawPointer($0)
      unsafe martlet_store16(serving, martlet_load16(serving) &+ 1)
    }
  }

  /// Runs `body` with the state, alone.
  @inlinable @inline(__always)
  public mutating func withLock<R: ~Copyable, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
    acquire()
    defer { release() }
    return try body(&state)
  }
}

extension Lock where State: ~Copyable {
  /// Runs `body` with the states of two locks of one rank, taken in the order of their addresses. They must be two locks.
  @inlinable
  public static func withBoth<Owner: ~Copyable, R, E: Error>(
    _ a: Ref<Owner>, _ b: Ref<Owner>, _ lock: (Ref<Owner>) -> Ref<Lock<State>>,
    _ body: (inout State, inout State) throws(E) -> R
  ) throws(E) -> R {
    let one = lock(a)
    let other = lock(b)
    precondition(one != other)
    let (first, second) = one.identity < other.identity ? (one, other) : (other, one)
    LockOrder.willTake(first[].rank)
    first[].spin()
    LockOrder.willTake(second[].rank, second: true)
    second[].spin()
    defer {
      second[].unlock()
      first[].unlock()
      LockOrder.didRelease(first[].rank)
    }
    return try body(&one[].state, &other[].state)
  }
}

/// What a CPU does while it waits for another one.
public enum Waiting {
  /// One turn of a waiting loop: answers this CPU's flush requests and pauses.
  @inlinable public static func step() {
    martlet_pause()
    FlushMailbox.answerCurrent()
  }
}

/// The debug builds' check of the lock order: a mask of the ranks that this CPU holds. Ranks are multiples of ten.
public enum LockOrder {
  @inlinable @inline(__always)
  static func willTake(_ rank: LockRank, second: Bool = false) {
    #if DEBUG
      // SAFETY: 1. This CPU's own word.
      let info = unsafe martlet_current_stack_info()
      let held = unsafe info.pointee.locks_held
      let bit = UInt64(1) &<< UInt64(rank.rawValue / 10)
      precondition(held < (second ? bit &<< 1 : bit), "lock taken out of order")
      unsafe info.pointee.locks_held = held | bit
    #endif
  }

  @inlinable @inline(__always)
  static func didRelease(_ rank: LockRank) {
    #if DEBUG
      // SAFETY: 1. This CPU's own word.
      let info = unsafe martlet_current_stack_info()
      unsafe info.pointee.locks_held &= ~(UInt64(1) &<< UInt64(rank.rawValue / 10))
    #endif
  }

  /// Whether this CPU holds no lock at all, in debug builds; true in others. Exits to a guest check it.
  public static var isClear: Bool {
    #if DEBUG
      // SAFETY: 1. This CPU's own word.
      return unsafe martlet_current_stack_info().pointee.locks_held == 0
    #else
      return true
    #endif
  }
}
