// SPDX-License-Identifier: Apache-2.0
// What every change of a domain's page tables needs, in one piece: the domain's queue of dead tables and the rules of its
// entries. It lies behind the domain's page-table lock: who takes the lock to change entries says the rules first
// (`changingTables` in Domains), and they hold until the lock is let go.
//
// What checks entries takes a session. What only gives something up needs the queue alone, and takes that. The third thing that
// all share, the time they may take, is the CPU's (Stretch.swift).
import Machine
import XenABI

/// Work on a domain's page tables, under their lock.
public struct TableSession: ~Copyable {
  /// The domain's dead tables, which have to be taken apart before anything else is validated (T1).
  public var work = PageTableWork()
  /// What its entries may hold.
  private(set) var rules: EntryRules

  /// A session in which no entry may lead anywhere, until rules are said.
  public init() {
    rules = EntryRules(
      tableOwner: .invalid, frameOwner: .invalid, mayMapDevices: false, physicalBits: 0, hypervisorRoot: .invalid)
  }

  /// Says the rules by which entries are changed from here on.
  @inline(__always)
  public mutating func obey(_ rules: EntryRules) { self.rules = rules }
}
