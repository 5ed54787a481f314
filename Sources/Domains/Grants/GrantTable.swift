// SPDX-License-Identifier: Apache-2.0
// A domain's grant table: what it allows other domains to do with its frames, and what it uses of theirs.
//
// The guest writes *shared entries* into frames that it shares with the hypervisor. They are claims: the hypervisor reads an
// entry once, when its use begins, and keeps what it found in an *active entry* of its own until the use ends. A use is a
// mapping or a copy under way; each counts as a pin of the active entry. What the using domain has to show for a mapping is a
// handle into its own *maptrack*.
//
//   G1  An active entry has no pins, or a frame and a grantee that do not change until the last pin is gone.
//   G2  An entry with read pins holds one general reference to its frame; one with write pins one general reference and one
//       writable use (I5). Entries that only lead on to another domain's grant hold none.
//   G3  The guest is told: a shared entry in use shows GTF_reading, one with write pins GTF_writing too (in version 2 in the
//       status frames). They are set before the use begins and cleared when it has ended and no CPU or page table can reach
//       the frame any more.
//   G4  For each pin of a mapping there is one maptrack entry in the domain that it is for, and the other way round, except
//       while the operation that changes both is under way.
//   G5  A page-table entry that shows a granted frame holds no reference of its own: the pin holds it. There are never more
//       such entries for a frame than pins, nor more writable ones than write pins (see GrantMapping).
//   G6  A domain's number and record are not used again while any of its active entries has a pin (`tearDown`).
//
// `GrantTable+Invariants.swift` checks what of this one table can show.
//
// Two tables are never locked at the same time: each step of an operation happens in one table, and what the next step
// rests on is held by the pin or the handle taken before.
import Frames
import Machine
import XenABI

/// How large a domain's grant table may become.
public struct GrantLimits: Equatable, BitwiseCopyable {
  /// The most frames of shared entries that a table can have: its room has as many words for them.
  public static let mostFrames = 256
  /// The most frames of mappings.
  public static let mostMaptrackFrames = 1024

  /// Frames of shared entries (`max_grant_frames` of XEN_DOMCTL_createdomain): at most `mostFrames`.
  public let frames: Int
  /// Frames of mappings (`max_maptrack_frames`): at most `mostMaptrackFrames`.
  public let maptrackFrames: Int
  /// Mappings of other domains' grants that the domain may have at a time: 256 in a frame.
  public var mappings: Int { maptrackFrames &* 256 }
  /// The highest entry version that it may choose: 1 or 2.
  public let highestVersion: Int

  /// Limits as the toolstack states them; larger ones than the hypervisor's own are lowered to those.
  ///
  /// - Parameters:
  ///   - frames: Frames of shared entries.
  ///   - maptrackFrames: Frames of mappings, of 256 each (`max_maptrack_frames`).
  ///   - highestVersion: The highest entry version (XEN_DOMCTL_GRANT_version of `grant_opts`).
  public init(frames: Int = 64, maptrackFrames: Int = 1024, highestVersion: Int = 2) {
    self.frames = max(1, min(frames, Self.mostFrames))
    self.maptrackFrames = max(0, min(maptrackFrames, Self.mostMaptrackFrames))
    self.highestVersion = max(1, min(highestVersion, 2))
  }
}

/// The state of one domain's grant table and of what it has mapped of others', under its lock of rank `grantTable`.
public struct GrantTable: ~Copyable {
  /// The domain whose table it is.
  public let owner: DomainID
  /// How large it may become.
  public let limits: GrantLimits
  /// The version of its shared entries: 1 or 2.
  public internal(set) var version = 1
  /// How many frames of shared entries it has.
  public internal(set) var frameCount = 0
  /// How many status frames it has. They are kept when the guest goes back to version 1: it may have them mapped, and must
  /// not be able to have ever more of them made.
  public internal(set) var statusFrameCount = 0
  /// How many active entries have pins.
  public internal(set) var entriesInUse = 0
  /// What the domain has mapped of others.
  public var maptrack: Maptrack
  /// Whether its domain is being destroyed: nobody can begin to use its grants.
  public internal(set) var isDying = false

  var active: ActiveGrants
  // The domain's room (DomainRoom.swift): the numbers of the shared frames, those of the status frames, and the beginnings of
  // two directories.
  let room: MachineFrame
  // How far `releaseMappings` has come.
  var releaseCursor = 0

  /// A table with one frame of entries of version 1, in the domain's room, a cleared frame of the hypervisor's that stays as
  /// long as the domain's record. Nil without memory.
  public static func make(owner: DomainID, limits: GrantLimits = GrantLimits(), room: MachineFrame) -> GrantTable? {
    var table = GrantTable(owner: owner, limits: limits, room: room)
    if table.grow(to: 1) { return table }
    return nil
  }

  private init(owner: DomainID, limits: GrantLimits, room: MachineFrame) {
    self.owner = owner
    self.limits = limits
    self.room = room
    active = ActiveGrants(room: room)
    maptrack = Maptrack(room: room, limit: limits.mappings)
  }

  /// Takes a handle for a mapping that the domain is about to make of another's grant. Nil if it has as many as it may, there
  /// is no memory, or it is being destroyed.
  @inline(__always)
  public mutating func reserveHandle() -> UInt32? { isDying ? nil : maptrack.reserve() }

  /// How many entries the guest can fill in: those in its shared frames.
  @inline(__always)
  var entryCount: Int { version == 1 ? frameCount &<< 9 : frameCount &<< 8 }

  /// Whether the grant's number lies in the table.
  @inline(__always)
  func contains(_ reference: GrantReference) -> Bool { UInt64(reference.raw) < UInt64(entryCount) }
}
