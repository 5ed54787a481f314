// SPDX-License-Identifier: Apache-2.0
// The table in which every guest looks up what a machine frame is to its owner.
import Machine

/// The machine-to-physical table: for each machine frame, what its owner calls it. Guests read it, read-only, at its ABI address.
public struct MachineToPhysical: BitwiseCopyable {
  /// Its first frame; the table is contiguous.
  public let first: MachineFrame
  /// How many entries it has.
  public let entries: UInt64

  /// A table in memory that boot has taken: 8 bytes for each frame of the machine.
  public init(first: MachineFrame, entries: UInt64) {
    self.first = first
    self.entries = entries
  }

  /// The entry that means "nobody's" (INVALID_M2P_ENTRY).
  public static let invalid: UInt64 = UInt64.max

  /// What the frame's owner calls it. Frames outside the table have no entry.
  @inlinable public func load(_ frame: MachineFrame) -> UInt64 {
    guard frame.number < entries else { return MachineToPhysical.invalid }
    return PhysicalWindow.load(first + frame.number &>> 9, word: Int(frame.number & 511))
  }

  /// Notes what the frame's owner calls it.
  @inlinable public func store(_ frame: MachineFrame, _ guestFrame: UInt64) {
    guard frame.number < entries else { return }
    PhysicalWindow.store(first + frame.number &>> 9, word: Int(frame.number & 511), guestFrame)
  }
}
