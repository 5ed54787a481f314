// SPDX-License-Identifier: Apache-2.0
// Uses of grants: how they begin and end. G1, G2 and G3 are kept here and nowhere else.
import Frames
import Machine
import XenABI

/// A grant that has been pinned: what its user may do.
public struct PinnedGrant: BitwiseCopyable {
  /// The kind of grant.
  public let kind: GrantKind
  /// The frame, held until the pin is given up. For a transitive grant there is none.
  public let frame: MachineFrame
  /// The first byte that may be used, and the first after those.
  public let start: Int
  /// The offset after the last byte that may be used.
  public let end: Int
  /// For a transitive grant: whose grant is to be used, and which. Claims of the granter's.
  public let nextDomain: DomainID
  /// The grant of that domain that it leads to.
  public let nextReference: GrantReference

  init(_ grant: SharedGrant, frame: MachineFrame) {
    kind = grant.kind
    self.frame = frame
    start = grant.start
    end = grant.end
    nextDomain = grant.nextDomain
    nextReference = grant.nextReference
  }
}

extension GrantTable {
  /// Begins a use of a grant.
  ///
  /// - Parameters:
  ///   - pins: What for: one pin of each kind of use.
  ///   - grantee: Who uses it.
  ///   - mapping: Whether it is to be mapped, which only grants of whole frames can be; otherwise it is a copy.
  /// - Throws: `badDomain` if the granter is being destroyed; `badReference` for a number outside the table or a kind of
  ///   grant that cannot be mapped; `noSpace` when it is in use too often or without memory; `generalError` if the entry does
  ///   not allow the use or the granter may not grant the frame for it.
  @inline(__always)
  public mutating func pin(
    _ reference: GrantReference, for grantee: DomainID, _ pins: GrantPins, mapping: Bool
  ) throws(GrantStatus) -> PinnedGrant {
    if isDying { throw .badDomain }
    guard contains(reference) else { throw .badReference }
    let index = Int(reference.raw)
    if index < active.count {
      let entry = active[index]
      guard entry.pins.isEmpty else { return try pinAgain(index, entry, grantee, pins, mapping) }
    }
    let writing = pins.hasWrite
    let use = GrantUse(writing: writing, mapping: mapping, isAnother: false)
    let grant = try mark(index, grantee: grantee, use)
    // Only who may use the grant makes the table grow: a stranger's guesses cost the granter nothing.
    if index >= active.count && !active.grow(to: index &+ 1) {
      unmark(index, reading: false, writing: false)
      throw .noSpace
    }
    if grant.kind != .transitive {
      guard hold(grant.frame, writing) else {
        unmark(index, reading: false, writing: false)
        throw .generalError
      }
    }
    active[index] = ActiveEntry(frame: grant.frame, pins: pins, grantee: grantee, kind: grant.kind)
    entriesInUse &+= 1
    return PinnedGrant(grant, frame: grant.frame)
  }

  /// The second and later uses of a grant. What was found at the first one holds; the entry is only asked again for a right
  /// that was not needed before, and for the bounds of a copy, which the granter can only change to its own loss.
  mutating func pinAgain(
    _ index: Int, _ entry: ActiveEntry, _ grantee: DomainID, _ pins: GrantPins, _ mapping: Bool
  ) throws(GrantStatus) -> PinnedGrant {
    guard entry.grantee == grantee else { throw .generalError }
    if mapping && entry.kind != .fullPage { throw .badReference }
    guard entry.pins.hasRoom(for: pins) else { throw .noSpace }
    var grant = SharedGrant(kind: entry.kind)
    if entry.kind != .fullPage {
      guard let again = read2(sharedFrame(index &>> 8), index & 255, entry.kind) else { throw .generalError }
      grant = again
    }
    let held = entry.pins
    if pins.hasWrite && !held.hasWrite {
      _ = try mark(index, grantee: grantee, GrantUse(writing: true, mapping: mapping, isAnother: true))
      if entry.kind != .transitive && !hold(entry.frame, true) {
        unmark(index, reading: true, writing: false)
        throw .generalError
      }
    }
    if pins.hasRead && !held.hasRead && entry.kind != .transitive && !hold(entry.frame, false) { throw .generalError }
    active[index].pins = held + pins
    return PinnedGrant(grant, frame: entry.frame)
  }

  /// The frame of a grant that the caller has pinned.
  public func pinnedFrame(_ reference: GrantReference) -> MachineFrame {
    let index = Int(reference.raw)
    return index < active.count ? active[index].frame : .invalid
  }

  /// Ends a use. No CPU and no page table may reach the frame through it any more.
  @inline(__always)
  public mutating func unpin(_ reference: GrantReference, _ pins: GrantPins) {
    let index = Int(reference.raw)
    precondition(index < active.count, "no such active grant")
    let entry = active[index]
    precondition(entry.pins.contains(pins), "grant pins below zero")
    let left = entry.pins - pins
    active[index] = ActiveEntry(frame: entry.frame, pins: left, grantee: entry.grantee, kind: entry.kind)
    if left.isEmpty {
      entriesInUse &-= 1
      // The owner's end may have waited for this.
      if entriesInUse == 0 { ledger[].noteLeft(owner) }
    }
    let lostWrite = entry.pins.hasWrite && !left.hasWrite
    let lostRead = entry.pins.hasRead && !left.hasRead
    if entry.kind != .transitive {
      // Before the marks go, so that the guest finds the frame free for any use when it sees them gone.
      if lostWrite { ledger[].dropWritable(entry.frame) }
      if lostRead { ledger[].drop(entry.frame) }
    }
    if lostWrite || left.isEmpty { unmark(index, reading: !left.isEmpty, writing: left.hasWrite) }
  }

  /// G2: holds the granter's frame for a use of one sort.
  @inline(__always)
  func hold(_ frame: MachineFrame, _ writing: Bool) -> Bool {
    guard PhysicalWindow.contains(frame) else { return false }
    return writing ? ledger[].takeWritable(frame, owner: owner) : ledger[].take(frame, owner: owner)
  }
}
