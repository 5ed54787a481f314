// SPDX-License-Identifier: Apache-2.0
// A grant table in words, for GNTTABOP_dump_table and for the person at the console.
import Machine
import XenABI

extension GrantTable {
  /// Writes one line about the table as a whole.
  public func writeSummary(to line: inout TextLine) {
    line.put("d")
    line.put(decimal: UInt64(owner.raw))
    line.put(": grant table version ")
    line.put(decimal: UInt64(version))
    line.put(", frames ")
    line.put(decimal: UInt64(frameCount))
    line.put(" of ")
    line.put(decimal: UInt64(limits.frames))
    line.put(", grants in use ")
    line.put(decimal: UInt64(entriesInUse))
    line.put(", mappings of others' ")
    line.put(decimal: UInt64(maptrack.inUse))
    line.put(" of ")
    line.put(decimal: UInt64(limits.mappings))
    if isDying { line.put(", dying") }
  }

  /// Writes one line about the first grant in use from `index` on.
  ///
  /// - Returns: Where to go on; nil, with nothing written, if there is none. Looks at no more than 4096 entries at a time, so
  ///   a line may stay empty although there are more.
  public func writeLine(from index: Int, to line: inout TextLine) -> Int? {
    guard index >= 0, index < active.count, entriesInUse > 0 else { return nil }
    let end = min(active.count, index &+ 4096)
    for at in index..<end where !active[at].pins.isEmpty {
      let entry = active[at]
      line.put("  [")
      line.put(decimal: UInt64(at))
      line.put("] for d")
      line.put(decimal: UInt64(entry.grantee.raw))
      switch entry.kind {
      case .fullPage:
        line.put(" frame ")
        line.put(hex: entry.frame.number)
      case .subPage:
        line.put(" part of frame ")
        line.put(hex: entry.frame.number)
      case .transitive: line.put(" transitive")
      }
      let counts = entry.pins.counts
      line.put(" pins cpu ro ")
      line.put(decimal: UInt64(counts[0]))
      line.put(" rw ")
      line.put(decimal: UInt64(counts[1]))
      line.put(", device ro ")
      line.put(decimal: UInt64(counts[2]))
      line.put(" rw ")
      line.put(decimal: UInt64(counts[3]))
      return at &+ 1
    }
    return end < active.count ? end : nil
  }
}
