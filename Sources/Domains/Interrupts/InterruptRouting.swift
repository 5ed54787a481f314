// SPDX-License-Identifier: Apache-2.0
// Which domain a physical interrupt goes to. Event channels bind and unbind here; what arrives goes up through
// `Events.raise(pirq:domain:)`, which must be called without this lock (the lock of event channels comes before it).
import Machine
import XenABI

/// One physical interrupt as guests use it.
public struct PhysicalInterrupt: BitwiseCopyable {
  /// The domain that it is bound to; DOMID_INVALID for none.
  public var domain = DomainID.invalid
  /// How many bindings there are: more than one only if all are willing to share.
  public var bindings: UInt16 = 0
  /// Whether those who have bound it are willing to share it.
  public var isShared = false
  /// Whether it has arrived and its guest has not said yet that it is done with it.
  public var isInService = false
  /// The vCPU of the domain that is told.
  public var vcpu: UInt8 = 0
}

/// The records of all physical interrupts, under the lock of rank `interrupts`.
public struct InterruptRouting: ~Copyable, Anchored {
  public static var anchorSlot: AnchorSlot { .interruptRouting }

  var records: Lock<PagedTable<PhysicalInterrupt>>

  /// Records in two frames of the hypervisor's for interrupts below `PagedTable<PhysicalInterrupt>.perFrame`.
  public init(directory: MachineFrame, first: MachineFrame) {
    var table = PagedTable<PhysicalInterrupt>(directory: directory)
    _ = table.grow(by: first, initial: PhysicalInterrupt())
    records = Lock(.interrupts, table)
  }

  /// Runs `body` with the record of an interrupt and gives it back changed; nil if there is none.
  static func withRecord<R>(_ pirq: UInt32, _ body: (inout PhysicalInterrupt) -> R) -> R? {
    guard Ref<InterruptRouting>.isPublished else { return nil }
    return Ref<InterruptRouting>.shared[].records.withLock { table in
      guard Int(truncatingIfNeeded: pirq) < table.count else { return nil }
      var record = table[Int(truncatingIfNeeded: pirq)]
      let result = body(&record)
      table[Int(truncatingIfNeeded: pirq)] = record
      return result
    }
  }

  /// Has an interrupt go to a domain from now on.
  ///
  /// - Throws: `invalid` if there is no such interrupt; `busy` if it goes to another one, or to this one, and not both are
  ///   willing to share it.
  public static func bindGuest(_ pirq: UInt32, _ domain: Ref<Domain>, willShare: Bool) throws(XenError) {
    let accepted = withRecord(pirq) { record in
      if record.bindings == 0 {
        record = PhysicalInterrupt()
        record.domain = domain[].id
        record.isShared = willShare
      } else if !record.isShared || !willShare || record.domain != domain[].id || record.bindings == UInt16.max {
        return false
      }
      record.bindings &+= 1
      return true
    }
    guard let accepted else { throw .invalid }
    guard accepted else { throw .busy }
  }

  /// Has an interrupt no longer go to a domain.
  public static func unbindGuest(_ pirq: UInt32, _ domain: Ref<Domain>) {
    _ = withRecord(pirq) { record in
      guard record.bindings > 0, record.domain == domain[].id else { return }
      record.bindings &-= 1
      if record.bindings == 0 { record = PhysicalInterrupt() }
    }
  }

  /// A domain is done with an interrupt, or wants it again (PHYSDEVOP_eoi): it may come again. Gives whether it was in
  /// service for this domain.
  @discardableResult
  public static func unmask(_ pirq: UInt32, _ domain: Ref<Domain>) -> Bool {
    withRecord(pirq) { record in
      guard record.bindings > 0, record.domain == domain[].id, record.isInService else { return false }
      record.isInService = false
      return true
    } ?? false
  }

  /// The vCPU that a domain wants to be told of an interrupt.
  static func setVCPU(_ pirq: UInt32, _ domain: Ref<Domain>, _ vcpu: Int) {
    _ = withRecord(pirq) { record in
      if record.bindings > 0, record.domain == domain[].id { record.vcpu = UInt8(truncatingIfNeeded: vcpu) }
    }
  }

  /// Notes that an interrupt has arrived; gives the domain to tell, which the caller then does.
  public static func arrived(_ pirq: UInt32) -> DomainID? {
    let domain: DomainID?? = withRecord(pirq) { record in
      guard record.bindings > 0 else { return nil }
      record.isInService = true
      return record.domain
    }
    return domain ?? nil
  }
}

extension InterruptRouting {
  /// An interrupt of a device has come.
  static func deviceInterrupt(_ vector: UInt8) { LocalAPIC.acknowledge() }
}
