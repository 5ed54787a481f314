// SPDX-License-Identifier: Apache-2.0
// A guest's accesses to its memory in a scenario: through what the CPU remembers of the page tables, however old that is; and
// the verdict whether such an access may be.
import CExploration
import Frames
import Machine
import XenABI

/// Accesses in ring 3, on the CPU that runs this. Pending interrupts are taken before each, or, in another schedule, later.
public enum Guest {
  /// Reads 8 bytes; nil for a page fault.
  @discardableResult public static func read(_ linear: UInt64) -> UInt64? {
    var value: UInt64 = 0
    return explore_guest_access(linear, false, &value) ? value : nil
  }

  /// Writes 8 bytes; false for a page fault.
  @discardableResult public static func write(_ linear: UInt64, _ value: UInt64) -> Bool {
    var value = value
    return explore_guest_access(linear, true, &value)
  }
}

/// An access of a guest: what the CPU used for it.
public struct GuestAccess {
  /// The CPU.
  public var cpu: Int
  /// Whether it writes.
  public var writes: Bool
  /// Where it goes.
  public var frame: MachineFrame
  /// The frames that were read as page tables just now, and their levels. None for a remembered translation.
  public var tables: [(level: Int, frame: MachineFrame)]

  init(_ raw: explore_access) {
    cpu = Int(raw.cpu)
    writes = raw.writes
    frame = MachineFrame(raw.frame)
    let t = raw.tables
    tables = [(4, t.4), (3, t.3), (2, t.2), (1, t.1)].filter { $0.1 != UInt64.max }
      .map { (level: $0.0, frame: MachineFrame($0.1)) }
  }

  /// The verdict of rules F1 and I2 for an access by a guest of `owner`'s: it must go to a frame of theirs, never write a page
  /// table or descriptor page that is in use, and be found only by frames that are page tables or not yet anything else.
  public func verdict(_ ledger: borrowing FrameLedger, owner: DomainID) -> String? {
    guard ledger.owner(frame) == owner, ledger.count(frame) > 0 else {
      return "F1: CPU \(cpu) gets at frame \(frame.number), which is not its guest's"
    }
    let type = ledger.type(frame)
    if writes && type.isValidated && type.count > 0 && type.type != .writable && type.type != .none {
      return "F1: CPU \(cpu) writes frame \(frame.number), which is in use as \(type.type)"
    }
    for (level, table) in tables where ledger.covers(table) {
      let type = ledger.type(table)
      if type.type == .writable && type.count > 0 && !type.isUnsettled {
        return "F1: CPU \(cpu) walks frame \(table.number) at level \(level), which can be written"
      }
    }
    return nil
  }
}
