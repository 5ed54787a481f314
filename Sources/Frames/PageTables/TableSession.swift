// SPDX-License-Identifier: Apache-2.0
// What every change of a domain's page tables needs, in one piece: the domain's queue of dead tables and the rules of its
// entries. A session lasts as long as the domain's page-table lock is held, and no longer: it cannot be kept.
//
// What checks entries takes a session. What only gives something up needs the queue alone, and takes that. The third thing that
// all share, the time they may take, is the CPU's (Stretch.swift).
import Machine
import XenABI

/// A stretch of work on a domain's page tables, under their lock (`changingTables` in Domains).
public struct TableSession: ~Copyable, ~Escapable {
  /// The domain's dead tables, which have to be taken apart before anything else is validated (T1).
  public let work: Loan<PageTableWork>
  /// What its entries may hold.
  let rules: EntryRules

  @_lifetime(&work)
  /// A session on tables whose lock is held, as the access to what it protects shows.
  @inline(__always)
  public init(_ work: inout PageTableWork, _ rules: EntryRules) {
    self.work = Loan(&work)
    self.rules = rules
  }
}
