// SPDX-License-Identifier: Apache-2.0
// A vCPU's trap table: a handler for each of 256 vectors, as two words (address, then selector in bits 31-16 and flags in bits
// 7-0).
//
// The exceptions' vectors, 0 to 31, and Linux's 0x80 are all that most guests set: they stand behind the vCPU's record, in the
// rest of its frame. The others come in a frame of their own with the first handler for one of them.
import Frames
import Machine
import XenABI

/// What stands behind a vCPU's record in its frame: trap handlers, then its extended registers where they fit.
enum VCPURoom {
  /// Handlers kept there: vectors 0 to 31, and at place 32 `extraVector`.
  static let traps = 33
  /// The vector of Linux's system call for 32-bit code.
  static let extraVector: UInt8 = 0x80
  /// The first word of the handlers.
  @inline(__always)
  static var firstTrap: Int { Ref<VCPU>.tail &>> 3 }
  /// Where extended registers begin, in bytes.
  static var extendedState: Int { (Ref<VCPU>.tail &+ traps &* 16 &+ 63) & ~63 }

  /// How many frames a vCPU takes from free memory when it is made, but for the `vcpu_info` of those beyond the shared page's.
  static var frames: Int { ExtendedStateArea.fits(offset: extendedState) ? 1 : 2 }
}

extension Ref where T == VCPU {
  /// The trap table's entry for a vector: address, selector and flags word.
  @inline(__always)
  func trapEntry(_ vector: UInt8) -> (address: UInt64, info: UInt64) {
    guard vector < 32 else { return rareTrapEntry(vector) }
    let word = VCPURoom.firstTrap &+ Int(vector) &<< 1
    return (PhysicalWindow.load(self[].room, word: word), PhysicalWindow.load(self[].room, word: word &+ 1))
  }

  /// The same for vectors that are no exceptions.
  @inline(never)
  private func rareTrapEntry(_ vector: UInt8) -> (address: UInt64, info: UInt64) {
    guard let (frame, word) = rareTrap(vector) else { return (0, 0) }
    return (PhysicalWindow.load(frame, word: word), PhysicalWindow.load(frame, word: word &+ 1))
  }

  /// The frame of the rare vectors' handlers; nil before the first.
  var rareTrapFrame: MachineFrame? {
    let word = self[].rareTraps.load()
    return word == 0 ? nil : MachineFrame(word &- 1)
  }

  /// Where the handler of a vector from 32 on stands; nil if there is no room for it yet.
  private func rareTrap(_ vector: UInt8) -> (MachineFrame, Int)? {
    if vector == VCPURoom.extraVector { return (self[].room, VCPURoom.firstTrap &+ 64) }
    return rareTrapFrame.map { ($0, Int(vector) &<< 1) }
  }

  /// Sets a trap handler. `word` is the first word of struct trap_info: vector, flags, selector. A vector without an address has
  /// no handler.
  ///
  /// - Throws: `noMemory`.
  public func setTrap(vector: UInt8, word: UInt64, address: UInt64) throws(XenError) {
    // Flags in the low byte, the selector above: vector is in bits 7-0, flags 15-8, selector 31-16.
    let info = word &>> 8 & 0xff | word & 0xffff_0000
    var place = (self[].room, VCPURoom.firstTrap &+ Int(vector) &<< 1)
    if vector >= 32 {
      if rareTrapFrame == nil && vector != VCPURoom.extraVector {
        // Tools hand in all 256, most of them empty.
        guard address != 0 else { return }
        guard let frame = ledger[].allocateOwn() else { throw .noMemory }
        // Two vCPUs may give a third one its first state at the same time.
        if self[].rareTraps.compareExchange(expected: 0, desired: frame.number &+ 1) != 0 { ledger[].freeOwn(frame) }
      }
      guard let rare = rareTrap(vector) else { return }
      place = rare
    }
    PhysicalWindow.store(place.0, word: place.1 &+ 1, info)
    PhysicalWindow.store(place.0, word: place.1, address)
  }

  /// Takes all trap handlers away.
  public func clearTraps() {
    for word in 0..<VCPURoom.traps &* 2 { PhysicalWindow.store(self[].room, word: VCPURoom.firstTrap &+ word, 0) }
    if let frame = rareTrapFrame { PhysicalWindow.clear(frame) }
  }
}
