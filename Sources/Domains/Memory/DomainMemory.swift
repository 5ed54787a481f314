// SPDX-License-Identifier: Apache-2.0
// What a domain's memory looks like to itself, and how it gives frames back.
import Frames
import Machine
import XenABI

/// What is kept of a domain's memory besides the ledger's counts, under its lock of rank `domainFrames`.
public struct DomainMemory: ~Copyable {
  // The memory map that its builder has set: how many ranges it has, and the first. libxl sets one of a single range for
  // every PV domain, which so takes no frame.
  private var rangeCount = 0
  private var firstRange = E820Entry(start: 0, size: 0, kind: 0)
  // The ranges after the first, three words each; nil without any.
  private var furtherRanges: MachineFrame?

  /// No map yet.
  public init() {}

  /// The memory map that its builder has set; empty if none has (XENMEM_set_memory_map).
  public var map: E820Map {
    var map = E820Map()
    if rangeCount > 0 { _ = map.append(firstRange) }
    guard let furtherRanges else { return map }
    for index in 1..<max(rangeCount, 1) {
      let word = (index &- 1) &* 3
      _ = map.append(
        E820Entry(
          start: PhysicalWindow.load(furtherRanges, word: word),
          size: PhysicalWindow.load(furtherRanges, word: word &+ 1),
          kind: UInt32(truncatingIfNeeded: PhysicalWindow.load(furtherRanges, word: word &+ 2))))
    }
    return map
  }

  /// Sets the memory map. False without memory, the map then being what it was.
  public mutating func setMap(_ map: E820Map) -> Bool {
    if map.count > 1 {
      if furtherRanges == nil { furtherRanges = ledger[].allocateOwn() }
      guard let furtherRanges else { return false }
      for index in 1..<map.count {
        let entry = map[index]
        let word = (index &- 1) &* 3
        PhysicalWindow.store(furtherRanges, word: word, entry.start)
        PhysicalWindow.store(furtherRanges, word: word &+ 1, entry.size)
        PhysicalWindow.store(furtherRanges, word: word &+ 2, UInt64(entry.kind))
      }
    } else {
      freeMap()
    }
    if map.count > 0 { firstRange = map[0] }
    rangeCount = map.count
    return true
  }

  /// Gives the map's memory back; the domain has no map then.
  mutating func freeMap() {
    if let furtherRanges { ledger[].freeOwn(furtherRanges) }
    furtherRanges = nil
    rangeCount = 0
  }
}

extension Ref where T == Domain {
  /// Ends the allocation of one of the domain's frames, at its own or its controller's wish. A pin is ended with it, as it
  /// would keep the frame for ever. The frame is free when nobody uses it any more. False if it is not allocated to the
  /// domain; a caller who holds no reference must not touch the frame afterwards.
  public func surrender(_ frame: MachineFrame) -> Bool {
    let id = self[].id
    guard ledger[].take(frame, owner: id) else { return false }
    defer { ledger[].drop(frame) }
    guard ledger[].isAllocated(frame) else { return false }
    if ledger[].type(frame).isPinned {
      changingTables { session in try? ledger[].unpin(frame, owner: id, &session.work) }
    }
    // Before the allocation ends: afterwards the frame may already be another's.
    Ref<Hypervisor>.shared[].machineToPhysical.store(frame, MachineToPhysical.invalid)
    return ledger[].endAllocation(frame, owner: id)
  }
}
