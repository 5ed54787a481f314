// SPDX-License-Identifier: Apache-2.0
// Uses of page tables that are not entries: pins (rule I4) and base pointers. And descriptor pages, which are validated too.
import Machine
import XenABI

extension FrameLedger {
  /// Pins a frame as page table of `level`: it stays validated until unpinned. Under the owner's page-table lock.
  ///
  /// - Throws: `invalid` if it cannot be such a table or is pinned already; `restart` when preempted.
  public func pin(_ frame: MachineFrame, level: Int, _ session: inout TableSession) throws(XenError) {
    try use(frame, level: level, &session)
    if words.fetchOr(typeIndex(frame), TypeWord.pinned) & TypeWord.pinned != 0 {
      release(frame, &session.work)
      drop(frame)
      throw .invalid
    }
  }

  /// Ends a pin.
  ///
  /// - Throws: `invalid` if the frame is not the owner's or is not pinned.
  public func unpin(_ frame: MachineFrame, owner: DomainID, _ work: inout PageTableWork) throws(XenError) {
    guard take(frame, owner: owner) else { throw .invalid }
    defer { drop(frame) }
    guard type(frame).isPinned, words.fetchAnd(typeIndex(frame), ~TypeWord.pinned) & TypeWord.pinned != 0 else {
      throw .invalid
    }
    release(frame, &work)
    drop(frame)
  }

  /// Takes a reference and a use as page table of `level`, for a base pointer. `stopUsing` gives them up.
  @inline(__always)
  public func use(_ frame: MachineFrame, level: Int, _ session: inout TableSession) throws(XenError) {
    try takeDeadApart(&session)
    guard take(frame, owner: session.rules.tableOwner) else { throw .invalid }
    do { try promote(frame, level: level, &session) } catch {
      drop(frame)
      throw error
    }
  }

  /// Gives up what `use` took.
  public func stopUsing(_ frame: MachineFrame, _ work: inout PageTableWork) {
    release(frame, &work)
    drop(frame)
  }

  // ---- Descriptor pages ----

  /// Takes a reference and a use as descriptor page. Every descriptor in it must be one that ring 3 may have.
  ///
  /// - Throws: `invalid` if the frame is not the owner's, is in another use, or holds a bad descriptor.
  public func useDescriptors(_ frame: MachineFrame, owner: DomainID) throws(XenError) {
    guard take(frame, owner: owner) else { throw .invalid }
    let index = typeIndex(frame)
    while true {
      let seen = words.load(index)
      let word = TypeWord(seen)
      if word.type == .descriptors && word.count > 0 && word.isValidated {
        guard word.count < FrameLedger.countLimit else { break }
        if words.compareExchange(index, expected: seen, desired: word.withOneMoreUse) == seen { return }
        continue
      }
      guard word.count == 0, !word.isPartial, !isShared(frame) else { break }
      // Claimed first, so that it cannot be written while it is looked at; a page is short enough to do in one go.
      guard words.compareExchange(index, expected: seen, desired: TypeWord(.descriptors, count: 1).raw) == seen else {
        continue
      }
      if word.type != .none { settleFlush(frame) }
      for slot in 0..<512 {
        let raw = PhysicalWindow.load(frame, word: slot)
        guard let good = Descriptor.admit(raw) else {
          words.store(linkIndex(frame), TLB.clock)
          words.store(index, 0)
          drop(frame)
          throw .invalid
        }
        if good != raw { PhysicalWindow.store(frame, word: slot, good) }
      }
      words.store(index, TypeWord(.descriptors, count: 1, flags: TypeWord.validated).raw)
      return
    }
    drop(frame)
    throw .invalid
  }

  /// Gives up what `useDescriptors` took.
  public func stopUsingDescriptors(_ frame: MachineFrame) {
    dropType(frame)
    drop(frame)
  }

  /// Writes one descriptor of a descriptor page, or of a frame that may be written (`update_descriptor`).
  ///
  /// - Throws: `invalid` if the descriptor is bad or the frame is in another use.
  public func updateDescriptor(_ frame: MachineFrame, _ index: Int, _ raw: UInt64, owner: DomainID) throws(XenError) {
    guard let good = Descriptor.admit(raw), take(frame, owner: owner) else { throw .invalid }
    defer { drop(frame) }
    let word = type(frame)
    if word.type == .descriptors && word.count > 0 {
      // The use is another's, who may drop it now; then this is a plain write to a frame of the owner's, which is harmless
      // as long as nobody validates it meanwhile: take the use for the time.
      try useDescriptors(frame, owner: owner)
      PhysicalWindow.store(frame, word: index, good)
      stopUsingDescriptors(frame)
      return
    }
    guard !isShared(frame), takeType(frame, .writable) else { throw .invalid }
    PhysicalWindow.store(frame, word: index, good)
    dropType(frame)
  }
}

/// Segment descriptors as a guest may have them.
public enum Descriptor {
  /// The descriptor as it may be loaded, or nil if it is refused: not-present ones are harmless; code and data segments get
  /// ring 3; system segments and gates are refused (a guest's gates are in its trap table).
  public static func admit(_ raw: UInt64) -> UInt64? {
    // Not present: nothing can be loaded through it.
    if raw & (1 &<< 47) == 0 { return raw }
    // System descriptor types: never.
    if raw & (1 &<< 44) == 0 { return nil }
    // A conforming code segment would run at the caller's level, which is ring 3 anyway; ring 0 to 2 become an error rather
    // than a silent change, except that ring 0 data and code of 64-bit kernels is raised as guests expect.
    let level = raw &>> 45 & 3
    guard level == 3 || level == 0 || level == 1 else { return nil }
    let raised = raw | 3 &<< 45
    // Code: 64-bit and default-32 together are reserved.
    if raw & (1 &<< 43) != 0 && raw & (1 &<< 53) != 0 && raw & (1 &<< 54) != 0 { return nil }
    return raised
  }
}
