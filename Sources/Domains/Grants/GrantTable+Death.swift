// SPDX-License-Identifier: Apache-2.0
// The end of a domain that grants to others, and of one that has mapped grants of others, in whatever order they end.
import Frames
import Machine
import XenABI

extension GrantTable {
  /// Ends all that a dying domain (`beginDestruction`) has mapped of others. To be called again until it says that it has
  /// finished.
  ///
  /// The domain's vCPUs never run again, and no CPU has its page tables loaded or anything cached of them (D2): its page-table
  /// entries that show granted frames do not count any more (G5). They can therefore be taken apart before or after this.
  ///
  /// - Parameter limit: How many handles to look at in this call.
  /// - Returns: Whether nothing is left.
  public static func releaseMappings(of domain: Ref<Domain>, atMost limit: Int) -> Bool {
    var left = limit
    while left > 0 {
      left &-= 1
      var finished = false
      let entry: MaptrackEntry? = domain[].grants.withLock { table in
        guard table.maptrack.inUse > 0 else {
          finished = true
          return nil
        }
        if table.releaseCursor >= table.maptrack.count { table.releaseCursor = 0 }
        let handle = table.releaseCursor
        table.releaseCursor &+= 1
        guard let entry = table.maptrack.mapping(handle) else { return nil }
        table.maptrack.free(UInt32(truncatingIfNeeded: handle))
        return entry
      }
      if finished { return true }
      // A granter that has died meanwhile is still there, because it is pinned (G6).
      guard let entry, let granter = Hypervisor.domain(entry.granter) else { continue }
      granter[].grants.withLock { table in table.unpin(entry.reference, GrantPins(entry.flags)) }
    }
    return domain[].grants.withLock { table in table.maptrack.inUse == 0 }
  }

  /// Nobody can begin to use the domain's grants from now on, nor it those of others.
  mutating func beginDestruction() { isDying = true }

  /// Ends sharing some of the table's frames with the dying domain; they go when it, or whoever else has mapped them, has
  /// dropped them. Gives whether none is left.
  mutating func endSharing(atMost limit: Int) -> Bool {
    isDying = true
    var left = limit
    while left > 0, frameCount &+ statusFrameCount > 0 {
      left &-= 1
      if frameCount > 0 {
        frameCount &-= 1
        ledger[].endSharing(sharedFrame(frameCount))
      } else {
        statusFrameCount &-= 1
        ledger[].endSharing(statusFrame(statusFrameCount))
      }
    }
    return frameCount &+ statusFrameCount == 0
  }

  /// Whether nobody uses a grant of the domain's, nor the domain one of others: its number is not needed any more (G6).
  var isUnused: Bool { entriesInUse == 0 && maptrack.inUse == 0 }

  /// Gives back all memory of a dying domain's table. The frames shared with the guest go when it, or whoever else has mapped
  /// them, has dropped them.
  ///
  /// - Returns: Whether everything is gone. False while other domains still use its grants or it still has mappings of its own
  ///   (`releaseMappings`): to be called again later, and until then the domain's number and record must not be used again
  ///   (G6).
  public mutating func tearDown() -> Bool {
    _ = endSharing(atMost: Int.max)
    guard isUnused else { return false }
    return freeStorage(atMost: Int.max)
  }
}
