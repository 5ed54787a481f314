// SPDX-License-Identifier: Apache-2.0
// Which domain a physical interrupt goes to. Event channels bind and unbind here; what arrives goes up through
// `Events.raise(pirq:domain:)`, which must be called without this lock (the lock of event channels comes before it).
//
// A line that signals by level is masked when it arrives and stays so until its guest says that it is done (PHYSDEVOP_eoi);
// edges and messages are acknowledged at once. So nothing is ever left unacknowledged at a CPU, and a line that nobody
// quiets costs one interrupt.
import Frames
import Machine
import XenABI

/// What the lock of rank `interrupts` protects: every interrupt's record and the redirection tables of the I/O APICs.
struct InterruptState: ~Copyable {
  var records: PagedTable<PhysicalInterrupt>
  var vectors = InterruptVectors()
  var wiring = InterruptWiring()
  /// Interrupts below this are lines, those from it on messages.
  var lineCount: UInt32 = 0

  /// The record of an interrupt; nil if there is none.
  func record(_ pirq: UInt32) -> PhysicalInterrupt? {
    Int(truncatingIfNeeded: pirq) < records.count ? records[Int(truncatingIfNeeded: pirq)] : nil
  }
}

/// The records of all physical interrupts.
public struct InterruptRouting: ~Copyable, Anchored {
  /// The routing's own slot.
  public static var anchorSlot: AnchorSlot { .interruptRouting }

  var state: Lock<InterruptState>
  /// How many records there are, for those who must not take the lock for nothing. Settled at boot.
  var known: AtomicWord
  /// The way to the tables of messages.
  var window = Lock<DeviceWindow?>(.deviceAccess, nil)

  /// Records in two frames of the hypervisor's for interrupts below `PagedTable<PhysicalInterrupt>.perFrame`; `configure`
  /// makes the others.
  public init(directory: MachineFrame, first: MachineFrame) {
    var table = PagedTable<PhysicalInterrupt>(directory: directory)
    _ = table.grow(by: first, initial: PhysicalInterrupt())
    known = AtomicWord(UInt64(table.count))
    state = Lock(.interrupts, InterruptState(records: table))
  }

  /// Runs `body` with the state; nil before boot has published it.
  static func withState<R, E: Error>(_ body: (inout InterruptState) throws(E) -> R?) throws(E) -> R? {
    guard Ref<InterruptRouting>.isPublished else { return nil }
    return try Ref<InterruptRouting>.shared[].state.withLock(body)
  }

  /// Runs `body` with the record of an interrupt and gives it back changed, in the hardware too if it is now masked where it
  /// was not or the other way round, or arrives elsewhere; nil if there is none.
  static func withRecord<R>(_ pirq: UInt32, _ body: (inout PhysicalInterrupt) -> R) -> R? {
    withState { state in
      guard var record = state.record(pirq) else { return nil }
      let old = record
      let result = body(&record)
      state.records[Int(truncatingIfNeeded: pirq)] = record
      if record.cpu != old.cpu {
        state.program(pirq)
      } else if record.isMasked != old.isMasked {
        state.applyMask(pirq)
      }
      return result
    }
  }

  /// Has an interrupt go to a domain from now on.
  ///
  /// - Throws: `invalid` if there is no such interrupt or it is not mapped to the domain; `busy` if it goes to another one, or
  ///   to this one, and not both are willing to share it.
  public static func bindGuest(_ pirq: UInt32, _ domain: Ref<Domain>, willShare: Bool) throws(XenError) {
    let id = domain[].id
    let refusal: XenError?? = withRecord(pirq) { record in
      guard record.owner == id, record.source != .none else { return .invalid }
      if record.isConsole { return .busy }
      if record.bindings == 0 {
        record.domain = id
        record.isShared = willShare
      } else if !record.isShared || !willShare || record.domain != id || record.bindings == UInt16.max {
        return .busy
      }
      record.bindings &+= 1
      domain.tellEOI(pirq, record.needsEOI)
      return nil
    }
    guard let refusal else { throw .invalid }
    if let refusal { throw refusal }
  }

  /// Has an interrupt no longer go to a domain.
  public static func unbindGuest(_ pirq: UInt32, _ domain: Ref<Domain>) {
    _ = withRecord(pirq) { record in
      guard record.bindings > 0, record.domain == domain[].id else { return }
      record.bindings &-= 1
      guard record.bindings == 0 else { return }
      record.unbind()
      domain.tellEOI(pirq, false)
    }
  }

  /// A domain is done with an interrupt, or wants it again (PHYSDEVOP_eoi): it may come again. Gives whether it was in
  /// service for this domain.
  @discardableResult
  public static func unmask(_ pirq: UInt32, _ domain: Ref<Domain>) -> Bool {
    withRecord(pirq) { record in
      guard record.bindings > 0, record.domain == domain[].id, record.isInService || record.isHeld else { return false }
      record.isInService = false
      record.isHeld = false
      record.unheeded = 0
      domain.tellEOI(pirq, record.needsEOI)
      return true
    } ?? false
  }

  /// The vCPU that a domain wants to be told of an interrupt: it will arrive at the CPU where that vCPU runs now.
  static func setVCPU(_ pirq: UInt32, _ domain: Ref<Domain>, _ vcpu: Int) {
    guard let target = domain[].vcpu(index: vcpu) else { return }
    let cpu = UInt8(truncatingIfNeeded: target[].cpu.load())
    _ = withRecord(pirq) { record in
      guard record.bindings > 0, record.domain == domain[].id else { return }
      record.vcpu = UInt8(truncatingIfNeeded: vcpu)
      // Lines and messages name CPUs by eight bits.
      if record.source != .none, CPUs.isOnline(Int(cpu)), CPUs.apicID(Int(cpu)) < 0xff { record.cpu = cpu }
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
