// SPDX-License-Identifier: Apache-2.0
// The entries that the guest writes and the hypervisor marks as in use, while the guest may change them at any moment.
//
// Version 1: the flags with GTF_reading and GTF_writing stand beside the grantee in one 32-bit word, which is changed by
// compare-and-exchange: what was checked is what is marked. Version 2: the marks stand in a status word of their own. They are
// set first and the entry is read again after that; if it still says the same, the guest, which clears the entry first and
// looks at the status after that, cannot have missed them.
import Machine
import XenABI

/// What a shared entry grants, as read once.
struct SharedGrant: BitwiseCopyable {
  var kind: GrantKind
  /// The frame's number; as the guest wrote it, so not checked.
  var frame: MachineFrame = .invalid
  /// Which bytes of it.
  var start = 0
  var end = 4096
  /// For a transitive grant: whose grant is to be used, and which.
  var nextDomain = DomainID.invalid
  var nextReference = GrantReference(0)
}

/// What a use that begins is for, as far as the entry's check and marks go.
struct GrantUse: OptionSet {
  let rawValue: UInt8
  /// It writes.
  static var writing: GrantUse { GrantUse(rawValue: 1) }
  /// It is a mapping, which only grants of whole frames allow; otherwise it is a copy.
  static var mapping: GrantUse { GrantUse(rawValue: 2) }
  /// Others have begun before it and go on: the entry is marked as read already, and stays so whatever comes of this one.
  static var another: GrantUse { GrantUse(rawValue: 4) }

  @inline(__always)
  init(rawValue: UInt8) { self.rawValue = rawValue }

  @inline(__always)
  init(writing: Bool, mapping: Bool, isAnother: Bool) {
    rawValue = (writing ? 1 : 0) | (mapping ? 2 : 0) | (isAnother ? 4 : 0)
  }

  /// What it leaves on the entry while it lasts.
  @inline(__always)
  var marks: UInt32 {
    contains(.writing) ? GrantEntryFlag.reading | GrantEntryFlag.writing : GrantEntryFlag.reading
  }
}

extension GrantTable {
  // How often an entry that changes while it is looked at is looked at again. An honest guest changes one at most twice
  // meanwhile (making it read-only, say); more is its own loss.
  static var patience: Int { 8 }

  /// Whether an entry's first word lets `grantee` do what it asks for. Gives the kind of grant.
  @inline(__always)
  func check(_ header: UInt32, grantee: DomainID, writing: Bool) throws(GrantStatus) -> GrantKind {
    guard UInt16(truncatingIfNeeded: header &>> 16) == grantee.raw else { throw .generalError }
    if writing && header & GrantEntryFlag.readOnly != 0 { throw .generalError }
    switch header & GrantEntryFlag.typeMask {
    case GrantEntryFlag.permitAccess:
      if header & GrantEntryFlag.subPage == 0 { return .fullPage }
      // Version 1 has no place for the part's bounds.
      if version == 2 { return .subPage }
    case GrantEntryFlag.transitive:
      if version == 2 { return .transitive }
    default: break
    }
    throw .generalError
  }

  /// Checks an entry for a use that begins, and marks it (G3).
  ///
  /// - Throws: `generalError` if it does not allow the use or does not keep still; `badReference` if a transitive or partial
  ///   grant is to be mapped.
  @inline(__always)
  func mark(_ index: Int, grantee: DomainID, _ use: GrantUse) throws(GrantStatus) -> SharedGrant {
    guard version == 1 else { return try mark2(index, grantee: grantee, use) }
    let frame = sharedFrame(index &>> 9)
    let word = (index & 511) &* 2
    var seen = PhysicalWindow.load32(frame, word: word)
    var patience = GrantTable.patience
    while true {
      let kind = try check(seen, grantee: grantee, writing: use.contains(.writing))
      let found = PhysicalWindow.compareExchange32(frame, word: word, expected: seen, desired: seen | use.marks)
      if found == seen {
        return SharedGrant(kind: kind, frame: MachineFrame(UInt64(PhysicalWindow.load32(frame, word: word &+ 1))))
      }
      seen = found
      patience &-= 1
      if patience == 0 { throw .generalError }
    }
  }

  /// The same for an entry of version 2.
  func mark2(_ index: Int, grantee: DomainID, _ use: GrantUse) throws(GrantStatus) -> SharedGrant {
    let frame = sharedFrame(index &>> 8)
    let word = (index & 255) &* 4
    var seen = PhysicalWindow.load32(frame, word: word)
    var patience = GrantTable.patience
    while true {
      let kind = try check(seen, grantee: grantee, writing: use.contains(.writing))
      if use.contains(.mapping) && kind != .fullPage { throw .badReference }
      let status = statusFrame(index &>> 11)
      PhysicalWindow.fetchOr16(status, word: index & 2047, UInt16(truncatingIfNeeded: use.marks))
      let found = PhysicalWindow.load32(frame, word: word)
      if found == seen {
        if let grant = read2(frame, index & 255, kind) { return grant }
        unmark(index, reading: use.contains(.another), writing: false)
        throw .generalError
      }
      unmark(index, reading: use.contains(.another), writing: false)
      seen = found
      patience &-= 1
      if patience == 0 { throw .generalError }
    }
  }

  /// What a version 2 entry of a known kind says; nil if it makes no sense.
  func read2(_ frame: MachineFrame, _ slot: Int, _ kind: GrantKind) -> SharedGrant? {
    let first = PhysicalWindow.load(frame, word: slot &* 2)
    let second = PhysicalWindow.load(frame, word: slot &* 2 &+ 1)
    var grant = SharedGrant(kind: kind)
    switch kind {
    case .fullPage: grant.frame = MachineFrame(second)
    case .subPage:
      grant.frame = MachineFrame(second)
      grant.start = Int(first &>> 32 & 0xffff)
      grant.end = grant.start &+ Int(first &>> 48)
      guard grant.end <= 4096 else { return nil }
    case .transitive:
      grant.nextDomain = DomainID(UInt16(truncatingIfNeeded: first &>> 32))
      grant.nextReference = GrantReference(UInt32(truncatingIfNeeded: second))
    }
    return grant
  }

  /// Leaves only the given marks on an entry.
  @inline(__always)
  func unmark(_ index: Int, reading: Bool, writing: Bool) {
    guard index < entryCount else { return }
    var gone = writing ? 0 : GrantEntryFlag.writing
    if !reading { gone |= GrantEntryFlag.reading }
    let keep = ~UInt16(truncatingIfNeeded: gone)
    if version == 1 {
      PhysicalWindow.fetchAnd16(sharedFrame(index &>> 9), word: (index & 511) &* 4, keep)
    } else {
      PhysicalWindow.fetchAnd16(statusFrame(index &>> 11), word: index & 2047, keep)
    }
  }
}
