// SPDX-License-Identifier: Apache-2.0
// Changing between the two layouts of shared entries.
import Machine
import XenABI

extension GrantTable {
  // The entries that survive a change of version (GNTTAB_NR_RESERVED_ENTRIES).
  static var reservedEntries: Int { 8 }

  /// Changes the version of the shared entries (GNTTABOP_set_version). The first eight entries are kept as far as the new
  /// version can say the same (parts of frames and transitive grants become invalid in version 1); all others are cleared.
  ///
  /// - Throws: `invalid` for an unknown version; `notImplemented` for one that the domain may not use; `busy` while any grant
  ///   is in use, or, back to version 1, while a status frame is mapped; `outOfRange` if a frame kept does not fit version 1; `noMemory`.
  public mutating func setVersion(_ new: UInt32) throws(XenError) {
    guard new == 1 || new == 2 else { throw .invalid }
    guard Int(new) <= limits.highestVersion else { throw .notImplemented }
    guard Int(new) != version else { return }
    guard entriesInUse == 0 else { throw .busy }
    guard !isDying else { throw .invalid }
    if new == 1 && hasMappedStatus { throw .busy }

    // Each word is read once: the guest may write meanwhile.
    var headers = InlineArray<8, UInt64>(repeating: 0)
    var frames = InlineArray<8, UInt64>(repeating: 0)
    let first = sharedFrame(0)
    for index in 0..<GrantTable.reservedEntries {
      let word = PhysicalWindow.load(first, word: version == 1 ? index : index &* 2)
      var header = word & 0xffff_ffff
      let flags = UInt32(truncatingIfNeeded: header)
      switch flags & GrantEntryFlag.typeMask {
      case GrantEntryFlag.acceptTransfer: break
      case GrantEntryFlag.permitAccess where version == 1 || flags & GrantEntryFlag.subPage == 0:
        // The marks are the hypervisor's, and nothing is in use.
        header &= ~UInt64(GrantEntryFlag.reading | GrantEntryFlag.writing)
      default: continue
      }
      let frame = version == 1 ? word &>> 32 : PhysicalWindow.load(first, word: index &* 2 &+ 1)
      if new == 1 && frame > 0xffff_ffff { throw .outOfRange }
      headers[index] = header
      frames[index] = frame
    }
    if new == 2 {
      guard growStatus(to: GrantTable.statusFrames(for: frameCount)) else { throw .noMemory }
      for index in 0..<statusFrameCount { PhysicalWindow.clear(statusFrame(index)) }
    }

    for index in 0..<frameCount { PhysicalWindow.clear(sharedFrame(index)) }
    for index in 0..<GrantTable.reservedEntries {
      if new == 1 {
        PhysicalWindow.store(first, word: index, headers[index] | frames[index] &<< 32)
      } else {
        PhysicalWindow.store(first, word: index &* 2 &+ 1, frames[index])
        PhysicalWindow.store(first, word: index &* 2, headers[index])
      }
    }
    version = Int(new)
  }

  // Whether somebody holds a reference to a status frame besides the table's own: a mapping, as a rule.
  private var hasMappedStatus: Bool {
    for index in 0..<statusFrameCount where ledger[].count(statusFrame(index)) > 1 { return true }
    return false
  }

  /// Exchanges two shared entries (GNTTABOP_swap_grant_ref).
  ///
  /// - Throws: `badReference` for a number outside the table; `tryAgain` while one of them is in use.
  public func swap(_ a: GrantReference, _ b: GrantReference) throws(GrantStatus) {
    guard contains(a), contains(b) else { throw .badReference }
    guard !isInUse(a), !isInUse(b) else { throw .tryAgain }
    if a == b { return }
    let words = version
    for word in 0..<words {
      let (frameA, wordA) = place(a, words, word)
      let (frameB, wordB) = place(b, words, word)
      let kept = PhysicalWindow.load(frameA, word: wordA)
      PhysicalWindow.store(frameA, word: wordA, PhysicalWindow.load(frameB, word: wordB))
      PhysicalWindow.store(frameB, word: wordB, kept)
    }
  }

  // Whether a grant of the table's has pins. Those beyond the active entries have never had any.
  func isInUse(_ reference: GrantReference) -> Bool {
    let index = Int(reference.raw)
    return index < active.count && !active[index].pins.isEmpty
  }

  // Where word `word` of an entry of `words` 8-byte words stands.
  func place(_ reference: GrantReference, _ words: Int, _ word: Int) -> (MachineFrame, Int) {
    let index = Int(reference.raw)
    return words == 1 ? (sharedFrame(index &>> 9), index & 511) : (sharedFrame(index &>> 8), (index & 255) &* 2 &+ word)
  }
}
