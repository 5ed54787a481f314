// SPDX-License-Identifier: Apache-2.0
// The records of a domain's ports: the first in the domain's room, and as more are needed, in frames that are added.
import Frames
import Machine
import XenABI

/// Port records by number: 512 in each frame. Changed under the domain's lock of rank `events`, read by anyone who knows that
/// the table still exists; each record is one atomic word.
public struct PortTable: ~Copyable {
  /// Records in a frame.
  static let perFrame = 512

  /// The domain's room: its own part has the numbers (plus one, so that zero means none) of the frames with records. At first
  /// that is the room itself, of which only the first `DomainRoom.firstPorts` words are records.
  let room: MachineFrame
  /// How many ports have records: `DomainRoom.firstPorts`, then a multiple of `perFrame`.
  public private(set) var count: Int

  /// A table of free ports in the domain's room, a cleared frame of the hypervisor's.
  init(room: MachineFrame) {
    self.room = room
    count = DomainRoom.firstPorts
    setFrame(0, room)
  }

  /// The record of a port; that of a free one where there is none.
  @inline(__always)
  subscript(port: UInt32) -> PortRecord {
    get {
      let index = Int(truncatingIfNeeded: port)
      guard index < count else { return .free }
      return PortRecord(bits: PhysicalWindow.load(frame(index &>> 9), word: index & 511))
    }
    nonmutating set {
      let index = Int(truncatingIfNeeded: port)
      guard index < count else { return }
      PhysicalWindow.store(frame(index &>> 9), word: index & 511, newValue.bits)
    }
  }

  @inline(__always)
  private func frame(_ page: Int) -> MachineFrame {
    MachineFrame(UInt64(PhysicalWindow.load32(room, word: DomainRoom.portFrames &+ page & 255)) &- 1)
  }

  private func setFrame(_ page: Int, _ frame: MachineFrame) {
    PhysicalWindow.store32(
      room, word: DomainRoom.portFrames &+ page & 255, UInt32(truncatingIfNeeded: frame.number &+ 1))
  }

  /// Makes room for more; gives how many. `noMemory` without a frame; `noSpace` when every port of the ABI has a record.
  mutating func grow() throws(XenError) -> Int {
    guard count < Int(EventChannels.fifoPorts) else { throw .noSpace }
    // A cleared frame is one of free records.
    guard let frame = ledger[].allocateOwn() else { throw .noMemory }
    // The first records move out of the room. Who has found the old frame without the lock reads there what was true when it
    // looked: those words stay as they are from now on.
    if count < PortTable.perFrame {
      for word in 0..<count { PhysicalWindow.store(frame, word: word, PhysicalWindow.load(room, word: word)) }
    }
    let before = count
    setFrame(before &>> 9, frame)
    // Who has no lock and finds the new count finds what it counts.
    AtomicWord.fence()
    count = (before & ~(PortTable.perFrame &- 1)) &+ PortTable.perFrame
    return count &- before
  }

  /// Gives all frames but the room back. The table is empty for good then.
  mutating func destroy() {
    while count >= PortTable.perFrame {
      count &-= PortTable.perFrame
      ledger[].freeOwn(frame(count &>> 9))
    }
    count = 0
  }
}
