// SPDX-License-Identifier: Apache-2.0
// What a domain's memory looks like to itself, and how it gives frames back.
import Frames
import Machine
import XenABI

/// What is kept of a domain's memory besides the ledger's counts, under its lock of rank `domainFrames`.
public struct DomainMemory: ~Copyable {
  // A frame with the memory map that its builder has set; nil if none has, as PV guests mostly make do without. Word 0 is how
  // many ranges it has; each takes three words.
  private var mapFrame: MachineFrame?

  /// No map yet.
  public init() {}

  /// The memory map that its builder has set; empty if none has (XENMEM_set_memory_map).
  public var map: E820Map {
    var map = E820Map()
    guard let mapFrame else { return map }
    for index in 0..<Int(min(PhysicalWindow.load(mapFrame, word: 0), UInt64(E820Map.capacity))) {
      let word = 1 &+ index &* 3
      _ = map.append(
        E820Entry(
          start: PhysicalWindow.load(mapFrame, word: word), size: PhysicalWindow.load(mapFrame, word: word &+ 1),
          kind: UInt32(truncatingIfNeeded: PhysicalWindow.load(mapFrame, word: word &+ 2))))
    }
    return map
  }

  /// Sets the memory map. False without memory.
  public mutating func setMap(_ map: E820Map) -> Bool {
    if mapFrame == nil { mapFrame = ledger[].allocateOwn() }
    guard let mapFrame else { return false }
    for index in 0..<map.count {
      let entry = map[index]
      let word = 1 &+ index &* 3
      PhysicalWindow.store(mapFrame, word: word, entry.start)
      PhysicalWindow.store(mapFrame, word: word &+ 1, entry.size)
      PhysicalWindow.store(mapFrame, word: word &+ 2, UInt64(entry.kind))
    }
    PhysicalWindow.store(mapFrame, word: 0, UInt64(map.count))
    return true
  }

  /// Gives the map's memory back.
  mutating func freeMap() {
    if let mapFrame { ledger[].freeOwn(mapFrame) }
    mapFrame = nil
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
      let isEmpty = self[].pageTables.withLock { work in
        try? ledger[].unpin(frame, owner: id, &work)
        return work.isEmpty
      }
      // Rule T1: what the pin kept is taken apart before this domain's guest goes on. Another's does it at its next
      // operation on page tables.
      if !isEmpty { Ref<PhysicalCPU>.current[].work.fetchOr(CPUWork.teardown) }
    }
    // Before the allocation ends: afterwards the frame may already be another's.
    Ref<Hypervisor>.shared[].machineToPhysical.store(frame, MachineToPhysical.invalid)
    return ledger[].endAllocation(frame, owner: id)
  }
}
