// SPDX-License-Identifier: Apache-2.0
// The timers of one CPU: a heap by deadline, one entry for each vCPU at most, so that a guest cannot make it grow.
import Frames
import Machine

/// An entry: when, and whose.
struct TimerEntry: BitwiseCopyable {
  var deadline: UInt64
  var vcpu: Ref<VCPU>
}

/// A binary heap of deadlines. Each vCPU knows its place, so changing a deadline needs no search.
public struct TimerQueue: ~Copyable {
  var entries: PagedTable<TimerEntry?>
  var count = 0

  /// A queue in one frame, with another one for the first entries.
  public init(directory: MachineFrame, first: MachineFrame) {
    entries = PagedTable(directory: directory)
    _ = entries.grow(by: first, initial: nil)
  }

  /// How many entries fit.
  public var capacity: Int { entries.count }

  /// Makes room for more.
  public mutating func grow(by frame: MachineFrame) -> Bool { entries.grow(by: frame, initial: nil) }

  /// Makes room for as many vCPUs as there are. False without memory. A vCPU is only made when every queue has room for it:
  /// no deadline is ever lost.
  mutating func makeRoom(for vcpus: Int) -> Bool {
    while capacity < vcpus {
      guard let frame = ledger[].allocateOwn() else { return false }
      guard grow(by: frame) else {
        ledger[].freeOwn(frame)
        return false
      }
    }
    return true
  }

  /// The earliest deadline; `UInt64.max` without one.
  public var first: UInt64 { count > 0 ? deadline(0) : UInt64.max }

  private func deadline(_ place: Int) -> UInt64 { entries[place]?.deadline ?? UInt64.max }

  private func put(_ entry: TimerEntry?, _ place: Int) {
    entries[place] = entry
    entry?.vcpu[].timerPlace = place
  }

  /// Sets, changes or (with `UInt64.max`) removes the deadline of a vCPU whose timer is in this queue or in none.
  mutating func set(_ vcpu: Ref<VCPU>, deadline: UInt64) {
    var place = vcpu[].timerPlace
    if deadline == UInt64.max {
      if place >= 0 { remove(place) }
      return
    }
    if place < 0 {
      guard count < entries.count else { return }
      place = count
      count &+= 1
    }
    put(TimerEntry(deadline: deadline, vcpu: vcpu), place)
    settle(place)
  }

  /// Takes out the vCPU whose deadline is first, if that is not after `now`.
  mutating func takeDue(now: UInt64) -> Ref<VCPU>? {
    guard count > 0, let entry = entries[0], entry.deadline <= now else { return nil }
    remove(0)
    return entry.vcpu
  }

  private mutating func remove(_ place: Int) {
    entries[place]?.vcpu[].timerPlace = -1
    count &-= 1
    if place < count {
      put(entries[count], place)
      settle(place)
    }
    entries[count] = nil
  }

  private func settle(_ start: Int) {
    var place = start
    while place > 0, deadline(place) < deadline((place &- 1) / 2) {
      swap(place, (place &- 1) / 2)
      place = (place &- 1) / 2
    }
    while true {
      var least = place
      let left = 2 &* place &+ 1
      if left < count && deadline(left) < deadline(least) { least = left }
      if left &+ 1 < count && deadline(left &+ 1) < deadline(least) { least = left &+ 1 }
      if least == place { return }
      swap(place, least)
      place = least
    }
  }

  private func swap(_ a: Int, _ b: Int) {
    let (one, other) = (entries[a], entries[b])
    put(other, a)
    put(one, b)
  }
}
