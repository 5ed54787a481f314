// SPDX-License-Identifier: Apache-2.0
// What a domain's page-table lock protects besides the tables themselves.
import Machine

/// Tables that have lost their last use and still have to be taken apart, entry by entry. Whoever holds the lock may go on with
/// it; a vCPU does not return to its guest while its domain has any (see Frames/PageTables/Teardown.swift).
public struct PageTableWork: ~Copyable {
  /// The first table of the queue; the ledger's link words lead to the others.
  public var teardown: MachineFrame = .invalid

  public init() {}
}
