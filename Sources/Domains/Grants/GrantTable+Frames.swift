// SPDX-License-Identifier: Apache-2.0
// The frames of a grant table: those that its guest shares with the hypervisor, and the hypervisor's own for what goes with
// them.
import Frames
import Machine
import XenABI

extension GrantTable {
  // Entries of version 1 in a frame.
  static var entriesPerFrame: Int { 512 }
  // Status words in a frame.
  static var statusesPerFrame: Int { 2048 }

  /// How many status frames go with a number of frames of version 2 entries.
  static func statusFrames(for frames: Int) -> Int { (frames &+ 7) &>> 3 }

  /// The shared frame that holds the table's `index`th run of entries. The index must be below `frameCount`.
  @inline(__always)
  func sharedFrame(_ index: Int) -> MachineFrame {
    MachineFrame(UInt64(PhysicalWindow.load32(room, word: DomainRoom.sharedFrames &+ index & 255)))
  }

  /// A status frame. The index must be below `statusFrameCount`.
  @inline(__always)
  func statusFrame(_ index: Int) -> MachineFrame {
    MachineFrame(UInt64(PhysicalWindow.load32(room, word: DomainRoom.statusFrames &+ index & 31)))
  }

  /// Makes the table at least `count` frames long, and in version 2 the status frames with it. False beyond the limit or
  /// without memory; what has been added until then stays.
  public mutating func grow(to count: Int) -> Bool {
    guard !isDying, count >= 0, count <= limits.frames else { return false }
    while frameCount < count {
      // Active entries for all that the guest can grant in either version, so that no use of a grant has to wait for memory;
      // only those of the first frame, which each domain has and few use to the end, come with the first use.
      if frameCount > 0 {
        guard active.grow(to: (frameCount &+ 1) &* GrantTable.entriesPerFrame) else { return false }
      }
      if version == 2 {
        guard growStatus(to: GrantTable.statusFrames(for: frameCount &+ 1)) else { return false }
      }
      guard let frame = ledger[].allocateShared(with: owner) else { return false }
      PhysicalWindow.store32(
        room, word: DomainRoom.sharedFrames &+ frameCount, UInt32(truncatingIfNeeded: frame.number))
      frameCount &+= 1
    }
    return true
  }

  /// Makes at least `count` status frames. False without memory.
  mutating func growStatus(to count: Int) -> Bool {
    while statusFrameCount < count {
      guard let frame = ledger[].allocateShared(with: owner) else { return false }
      PhysicalWindow.store32(
        room, word: DomainRoom.statusFrames &+ statusFrameCount, UInt32(truncatingIfNeeded: frame.number))
      statusFrameCount &+= 1
    }
    return true
  }

  /// The frame with the table's `index`th run of entries, made if the table was shorter: for mapping it
  /// (XENMAPSPACE_grant_table, XENMEM_resource_grant_table with XENMEM_resource_grant_table_id_shared). Nil beyond the limit
  /// or without memory. The caller takes its own reference before it gives up the lock.
  public mutating func frame(ofTableIndex index: UInt64) -> MachineFrame? {
    guard index < UInt64(limits.frames), grow(to: Int(index) &+ 1) else { return nil }
    return sharedFrame(Int(index))
  }

  /// The `index`th status frame, made if there were fewer (XENMAPIDX_grant_table_status,
  /// XENMEM_resource_grant_table_id_status). Nil in version 1, beyond the limit or without memory.
  public mutating func frame(ofStatusIndex index: UInt64) -> MachineFrame? {
    guard version == 2, index < UInt64(GrantTable.statusFrames(for: limits.frames)) else { return nil }
    // A status frame stands for eight frames of entries: the first of those must exist.
    guard grow(to: max(frameCount, min(Int(index) &* 8 &+ 1, limits.frames))) else { return nil }
    return statusFrame(Int(index))
  }

  /// Fills in an entry on the owner's behalf, before it runs: the frame at `guestFrame` (for a PV guest a machine frame) for
  /// `grantee` to map. For the console and store entries (GNTTAB_RESERVED_CONSOLE, GNTTAB_RESERVED_XENSTORE).
  public func seed(_ reference: GrantReference, grantee: DomainID, guestFrame: UInt32) -> Bool {
    guard contains(reference) else { return false }
    let word = UInt64(GrantEntryFlag.permitAccess) | UInt64(grantee.raw) &<< 16
    let index = Int(reference.raw)
    if version == 1 {
      PhysicalWindow.store(sharedFrame(index &>> 9), word: index & 511, word | UInt64(guestFrame) &<< 32)
    } else {
      PhysicalWindow.store(sharedFrame(index &>> 8), word: (index & 255) &* 2 &+ 1, UInt64(guestFrame))
      PhysicalWindow.store(sharedFrame(index &>> 8), word: (index & 255) &* 2, word)
    }
    return true
  }

  /// Gives back some of the hypervisor's own frames, of which nothing may be in use. Gives whether that were all.
  mutating func freeStorage(atMost limit: Int) -> Bool {
    var left = limit
    while left > 0 {
      left &-= 1
      guard let frame = active.shrink() ?? maptrack.shrink() else { return true }
      ledger[].freeOwn(frame)
    }
    return false
  }
}

extension PagedTable {
  /// Adds a frame of the hypervisor's with elements that are all `initial`, and if needed one for the directory. False when the
  /// table is as large as it can be, or without memory.
  mutating func addFrame(initial: Element) -> Bool {
    if needsDirectory {
      guard let directory = ledger[].allocateOwn() else { return false }
      moveDirectory(to: directory)
    }
    guard let frame = ledger[].allocateOwn() else { return false }
    if grow(by: frame, initial: initial) { return true }
    ledger[].freeOwn(frame)
    return false
  }
}
