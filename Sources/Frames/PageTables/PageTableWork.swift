// SPDX-License-Identifier: Apache-2.0
// What a domain's page-table lock protects besides the tables themselves.
import Machine
import XenABI

/// Tables that have lost their last use and still have to be taken apart, entry by entry.
///
/// Named rule T1: no entry is validated while the domain's queue holds a table. Every operation on page tables drains the queue
/// first, and a vCPU does not return to its guest while its domain's queue holds any.
public struct PageTableWork: ~Copyable {
  /// The first table of the queue; the ledger's link words lead to the others.
  var first: MachineFrame = .invalid
  /// Device frames that the domain may map although it is not one that may use hardware (XEN_DOMCTL_iomem_permission).
  public var deviceFrames = NumberRanges()

  /// An empty queue.
  public init() {}

  /// Whether nothing waits to be taken apart.
  public var isEmpty: Bool { first == .invalid }
}
