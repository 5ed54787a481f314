// SPDX-License-Identifier: Apache-2.0
// Reading the console's ring from Domain 0. Positions count the bytes ever put in; the newest `capacity` of them are kept.
import Machine
import XenABI

extension Ref where T == Console {
  /// The positions from which and up to which there is something to read: what is kept and not cleared, and not before
  /// `index`, if that is given: the low 32 bits of a position.
  public func readable(after index: UInt32?) -> (first: UInt64, end: UInt64) {
    let (produced, cleared) = self[].lock.withLock { ($0.produced, $0.cleared) }
    var first = cleared
    if produced > capacity { first = max(first, produced &- capacity) }
    if let index {
      // The position with these low bits that is nearest below the end.
      let distance = UInt64(UInt32(truncatingIfNeeded: produced) &- index)
      if distance <= produced &- first { first = produced &- distance }
    }
    return (first, produced)
  }

  /// Copies bytes to the current guest's memory. Should the ring come round meanwhile, newer bytes stand in for the oldest.
  /// Gives whether the memory could be written.
  public func copy(from position: UInt64, count: UInt64, to out: LinearAddress) -> Bool {
    var done: UInt64 = 0
    while done < count {
      let offset = Int((position &+ done) & (capacity &- 1))
      let size = min(4096 &- (offset & 4095), Int(truncatingIfNeeded: count &- done))
      let frame = self[].ringFirst + UInt64(offset &>> 12)
      guard GuestMemory.write(out + done, frame: frame, offset: offset & 4095, count: size) == size else {
        return false
      }
      done &+= UInt64(size)
    }
    return true
  }

  /// Has readers start at a position. Never goes back.
  public func clear(upTo position: UInt64) {
    self[].lock.withLock { ring in
      if position > ring.cleared && position <= ring.produced { ring.cleared = position }
    }
  }
}
