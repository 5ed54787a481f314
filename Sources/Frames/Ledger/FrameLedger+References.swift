// SPDX-License-Identifier: Apache-2.0
// General references, and uses as a writable frame: the two that need no validation.
import Machine
import XenABI

extension FrameLedger {
  /// Takes a general reference to a frame that `owner` owns. Gives false if it is not theirs, or has too many.
  @inline(__always)
  public func take(_ frame: MachineFrame, owner: DomainID) -> Bool {
    // Strangers are sent away before they are counted: theirs must not be the reference by which an owner's call fails.
    guard covers(frame), owner.raw == UInt16(truncatingIfNeeded: words.load(ownerIndex(frame))) else { return false }
    let index = countIndex(frame)
    var seen = words.load(index)
    while true {
      // An allocated frame has a count of at least one. Zero means that it is on its way back to the allocator.
      let count = seen & FrameLedger.countMask
      guard count > 0, count < FrameLedger.countLimit else { return false }
      let found = words.compareExchange(index, expected: seen, desired: seen &+ 1)
      if found == seen { break }
      seen = found
    }
    // Only now can the owner not change any more.
    if DomainID(UInt16(truncatingIfNeeded: words.load(ownerIndex(frame)))) == owner { return true }
    drop(frame)
    return false
  }

  /// Takes another general reference to a frame of which the caller already holds one. False if there are too many.
  public func takeAnother(_ frame: MachineFrame) -> Bool {
    take(frame, owner: owner(frame))
  }

  /// Gives up a general reference. The last one gives the frame back to the allocator.
  @inline(__always)
  public func drop(_ frame: MachineFrame) {
    guard covers(frame) else { return }
    let before = words.fetchAdd(countIndex(frame), UInt64.max)
    precondition(before & FrameLedger.countMask != 0, "reference count below zero")
    if before & FrameLedger.countMask == 1 {
      lastReferenceDropped(frame)
    } else if before & FrameLedger.shared != 0 {
      // One reference is the hypervisor's own: that it is the only one left may be what the owner's end waits for.
      noteLeft(owner(frame))
    }
  }

  /// Takes a general reference and a use as writable. False if the frame is not `owner`'s or has another type in use.
  @inline(__always)
  public func takeWritable(_ frame: MachineFrame, owner: DomainID) -> Bool {
    guard take(frame, owner: owner) else { return false }
    if takeType(frame, .writable) { return true }
    drop(frame)
    return false
  }

  /// Gives up what `takeWritable` took.
  @inline(__always)
  public func dropWritable(_ frame: MachineFrame) {
    dropType(frame)
    drop(frame)
  }

  /// Adds a use as writable (or none) for a holder of a general reference. Page tables and descriptor pages have their own ways
  /// (`PageTables`), because they need validation. Rules I1 and F1.
  func takeType(_ frame: MachineFrame, _ type: FrameType) -> Bool {
    let index = typeIndex(frame)
    var seen = words.load(index)
    while true {
      let word = TypeWord(seen)
      var desired: UInt64
      if word.type == type {
        guard word.count < FrameLedger.countLimit else { return false }
        desired = word.withOneMoreUse
      } else {
        // I1: another type only when the old one has no uses left, nothing half-done hangs on it and no pin holds it.
        guard word.count == 0, !word.isPartial else { return false }
        desired = TypeWord(type, count: 1, flags: TypeWord.validated).raw
        if word.type != .none { desired |= TypeWord.unsettled }
      }
      let found = words.compareExchange(index, expected: seen, desired: desired)
      if found == seen {
        // F1: whoever finds the type new sees to the flush, or a second taker would go on before the first has waited for it.
        if desired & TypeWord.unsettled != 0 { settleType(frame) }
        return true
      }
      seen = found
    }
  }

  /// F1 for a type that others can see already. Several may be at this; each has a use, so the stamp of the old type still stands.
  @inline(never)
  private func settleType(_ frame: MachineFrame) {
    settleFlush(frame)
    words.fetchAnd(typeIndex(frame), ~TypeWord.unsettled)
  }

  /// Removes a use whose loss needs no teardown (writable and descriptor frames, or page tables with other uses left). Gives
  /// the word as it is now.
  @discardableResult
  func dropType(_ frame: MachineFrame) -> TypeWord {
    let index = typeIndex(frame)
    while true {
      let seen = words.load(index)
      precondition(seen & TypeWord.countMask != 0, "type count below zero")
      if seen & TypeWord.countMask == 1 {
        if seen & TypeWord.retaken != 0 {
          _ = words.compareExchange(index, expected: seen, desired: seen & ~TypeWord.retaken)
          continue
        }
        // The stamp comes before the count reaches zero: whoever then changes the type finds it. And it is not older than any
        // use: one that came and went since the word was read has left `retaken` behind. (F1)
        words.store(linkIndex(frame), TLB.clock)
      }
      if words.compareExchange(index, expected: seen, desired: seen &- 1) == seen { return TypeWord(seen &- 1) }
    }
  }

  /// F1: before a frame is used with a new type, has every CPU flush that may hold translations from the old one: those that
  /// have run the owner, or anybody if others have mapped it, and not flushed since.
  func settleFlush(_ frame: MachineFrame) {
    flushStale(mayTranslate(frame, owner: owner(frame)), since: words.load(linkIndex(frame)))
  }

  /// Notes that another domain than the owner maps the frame. The caller holds a reference.
  func noteForeign(_ frame: MachineFrame) {
    if words.load(countIndex(frame)) & FrameLedger.foreign == 0 {
      words.fetchOr(countIndex(frame), FrameLedger.foreign)
    }
  }

  /// Has those of a set of CPUs flush that have not done so since `stamp`.
  func flushStale(_ cpus: CPUSet, since stamp: UInt64) {
    var rest = cpus
    var stale = CPUSet()
    while let cpu = rest.first {
      rest.remove(cpu)
      if !TLB.hasFlushed(cpu, since: stamp) { stale.insert(cpu) }
    }
    if !stale.isEmpty { TLB.flush(stale) }
  }
}
