// SPDX-License-Identifier: Apache-2.0
// The records of a domain's ports, in frames that are added as ports are needed.
import Frames
import Machine
import XenABI

/// Port records by number: 512 in each frame. Changed under the domain's lock of rank `events`, read by anyone who knows that
/// the table still exists; each record is one atomic word.
public struct PortTable: ~Copyable {
  /// Records in a frame.
  static let perFrame = 512

  /// A frame of frame numbers (plus one, so that zero means none).
  let directory: MachineFrame
  /// How many ports have records: a multiple of `perFrame`.
  public private(set) var count: Int

  /// A table of free ports in cleared frames of the hypervisor's: `first` has the first records.
  init(directory: MachineFrame, first: MachineFrame) {
    self.directory = directory
    PhysicalWindow.store(directory, word: 0, first.number &+ 1)
    count = PortTable.perFrame
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
  private func frame(_ page: Int) -> MachineFrame { MachineFrame(PhysicalWindow.load(directory, word: page) &- 1) }

  /// Makes room for more. `noMemory` without a frame; `noSpace` when every port of the ABI has a record.
  mutating func grow() throws(XenError) {
    guard count < Int(EventChannels.fifoPorts) else { throw .noSpace }
    // A cleared frame is one of free records.
    guard let frame = ledger[].allocateOwn() else { throw .noMemory }
    PhysicalWindow.store(directory, word: count &>> 9, frame.number &+ 1)
    count &+= PortTable.perFrame
  }

  /// Gives all memory back. The table is empty for good then.
  mutating func destroy() {
    while count > 0 {
      count &-= PortTable.perFrame
      ledger[].freeOwn(frame(count &>> 9))
    }
    ledger[].freeOwn(directory)
  }
}
