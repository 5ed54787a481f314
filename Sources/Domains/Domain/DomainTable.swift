// SPDX-License-Identifier: Apache-2.0
// All domains by number. Looking one up takes no lock: entries are set when a domain is complete and cleared when its last
// resources are gone, and records are type-stable.
import Machine
import XenABI

/// The table of domains.
public struct DomainTable: ~Copyable {
  // Made to reach `highest`; entries above it are nil.
  var entries: PagedTable<Ref<Domain>?>

  /// A table in one frame, with another one for the first entries.
  public init(directory: MachineFrame, first: MachineFrame) {
    entries = PagedTable(directory: directory)
    _ = entries.grow(by: first, initial: nil)
  }

  /// How many numbers can be looked up without growing.
  public var capacity: Int { entries.count }

  /// Makes room for more numbers. Under the lock of rank `domainTable`.
  public mutating func grow(by frame: MachineFrame) -> Bool { entries.grow(by: frame, initial: nil) }

  /// The domain with a number, if it exists. Reserved numbers never do.
  public func find(_ id: DomainID) -> Ref<Domain>? {
    id.isOrdinary && Int(id.raw) < entries.count ? entries[Int(id.raw)] : nil
  }

  /// Lists a domain, or takes it off the list. Under the lock of rank `domainTable`.
  public func set(_ id: DomainID, _ domain: Ref<Domain>?) {
    precondition(id.isOrdinary && Int(id.raw) < entries.count)
    entries[Int(id.raw)] = domain
  }
}
