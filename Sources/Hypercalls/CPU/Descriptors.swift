// SPDX-License-Identifier: Apache-2.0
// Trap and descriptor tables.
import Domains
import Frames
import Machine
import XenABI

extension Hypercall {
  /// `set_trap_table`: a list of struct trap_info that ends with a zero address; without a list the table is cleared.
  ///
  /// - Throws: `fault`; `invalid` for a handler's address that no CPU can go to; `noMemory` for a vector that few guests use.
  mutating func setTrapTable() throws(XenError) -> HypercallOutcome {
    guard arguments[0] != 0 else {
      vcpu.clearTraps()
      return .success
    }
    var entry = address(0)
    while true {
      var words = InlineArray<2, UInt64>(repeating: 0)
      words = try GuestMemory.fetch(entry, initial: words)
      if words[1] == 0 { return .success }
      guard LinearAddress(words[1]).isCanonical else { throw .invalid }
      try vcpu.setTrap(vector: UInt8(truncatingIfNeeded: words[0]), word: words[0], address: words[1])
      entry = entry + 16
      Stretch.spend()
      if Stretch.isOver {
        arguments[0] = entry.raw
        return .again
      }
    }
  }

  /// `set_gdt`: a list of frames, and how many descriptors count.
  ///
  /// - Throws: `fault`; `invalid` for too many descriptors, or a frame that cannot be a descriptor page.
  mutating func setGDT() throws(XenError) -> HypercallOutcome {
    // Those above are the hypervisor's own (FIRST_RESERVED_GDT_ENTRY).
    guard arguments[1] <= 7168 else { throw .invalid }
    let entries = Int(arguments[1])
    let count = (entries &+ 511) / 512
    var frames = InlineArray<16, MachineFrame>(repeating: .invalid)
    for page in 0..<count {
      frames[page] = MachineFrame(try GuestMemory.fetch(address(0) + UInt64(page &* 8), initial: UInt64(0)))
    }
    try useGDT(frames, count)
    vcpu.setGDT(frames, count: count, entries: entries)
    return .success
  }

  func useGDT(_ frames: InlineArray<16, MachineFrame>, _ count: Int) throws(XenError) {
    for page in 0..<count {
      do { try ledger[].useDescriptors(frames[page], owner: domain[].id) } catch {
        for earlier in 0..<page { ledger[].stopUsingDescriptors(frames[earlier]) }
        throw .invalid
      }
    }
  }

  /// `update_descriptor`: the machine address of a descriptor, and its new value.
  ///
  /// - Throws: `invalid` for a bad address or descriptor.
  func updateDescriptor() throws(XenError) -> HypercallOutcome {
    let frame = MachineFrame(physical: arguments[0])
    guard arguments[0] & 7 == 0, PhysicalWindow.contains(frame) else { throw .invalid }
    try ledger[].updateDescriptor(frame, Int((arguments[0] & 0xfff) &>> 3), arguments[1], owner: domain[].id)
    return .success
  }
}
