// SPDX-License-Identifier: Apache-2.0
// The memory management unit as a guest uses it, and a translation look-aside buffer that forgets only what it must: how rule F1
// is seen to hold. (The simulated CPU itself walks the tables at every access.)
import Domains
import Frames
import Machine
import XenABI

/// A translation that the CPU may still have.
struct Translation {
  var frame: MachineFrame
  var owner: DomainID
  var isWritable: Bool
  /// The CPU's count of flushes when it was made.
  var flushes: UInt64
}

/// Translations that have been used on the simulated CPU.
struct Translations {
  private var entries: [Translation] = []
  private var next = 0
  private static let limit = 12

  /// Walks the running vCPU's tables as the CPU does. Nil where it would fault.
  static func walk(_ root: MachineFrame, _ linear: LinearAddress) -> (frame: MachineFrame, isWritable: Bool)? {
    var table = root
    var isWritable = true
    for level in [4, 3, 2, 1] {
      guard PhysicalWindow.contains(table) else { return nil }
      let entry = PhysicalWindow.load(table, word: linear.index(level: level))
      guard entry & (PTE.present | PTE.user) == PTE.present | PTE.user else { return nil }
      isWritable = isWritable && entry & PTE.writable != 0
      table = MachineFrame(physical: entry & PTE.frameMask)
    }
    return (table, isWritable)
  }

  /// Notes that the CPU has used a translation.
  mutating func note(_ frame: MachineFrame, isWritable: Bool) {
    guard ledger[].owner(frame).isOrdinary else { return }
    let entry = Translation(
      frame: frame, owner: ledger[].owner(frame), isWritable: isWritable, flushes: Simulation.flushes)
    if entries.count < Translations.limit {
      entries.append(entry)
    } else {
      entries[next] = entry
      next = (next + 1) % Translations.limit
    }
  }

  /// A translation that must not exist any more, if there is one.
  mutating func stale() -> Translation? {
    let flushes = Simulation.flushes
    for entry in entries where entry.flushes == flushes {
      let owner = ledger[].owner(entry.frame)
      // A free frame is nobody's yet: who allocates it flushes.
      if owner == .invalid { continue }
      if owner != entry.owner || (entry.isWritable && ledger[].type(entry.frame).type != .writable) { return entry }
    }
    return nil
  }
}
