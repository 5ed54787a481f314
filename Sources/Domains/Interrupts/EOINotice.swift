// SPDX-License-Identifier: Apache-2.0
// The page in which a guest reads which of its interrupts need PHYSDEVOP_eoi (PHYSDEVOP_pirq_eoi_gmfn_v1, _v2): a bit for each
// interrupt. Without it the guest asks once for each (PHYSDEVOP_irq_status_query).
import Frames
import Machine
import XenABI

extension Ref where T == Domain {
  private static var unmasksEvents: UInt64 { 1 &<< 63 }

  /// Has the domain be told in one of its frames. It stays so; the frame holds a writable use until the domain ends.
  ///
  /// - Throws: `invalid` if the frame is not the domain's to write; `busy` if it has such a frame already.
  public func setEOIFrame(_ frame: MachineFrame, unmasksEvents: Bool) throws(XenError) {
    guard ledger[].takeWritable(frame, owner: self[].id) else { throw .invalid }
    let word = frame.number &+ 1 | (unmasksEvents ? Self.unmasksEvents : 0)
    guard self[].eoiFrame.compareExchange(expected: 0, desired: word) == 0 else {
      ledger[].dropWritable(frame)
      throw .busy
    }
    InterruptRouting.tellAll(self)
  }

  /// Gives the frame up: the domain is being destroyed.
  public func dropEOIFrame() {
    let word = self[].eoiFrame.exchange(0)
    if word != 0 { ledger[].dropWritable(MachineFrame(word & ~Self.unmasksEvents &- 1)) }
  }

  /// Whether PHYSDEVOP_eoi unmasks the interrupt's event as well.
  var unmasksEventsAtEOI: Bool { self[].eoiFrame.load() & Self.unmasksEvents != 0 }

  /// Whether the domain can be told.
  var hasEOIFrame: Bool { self[].eoiFrame.load() != 0 }

  /// Tells the domain whether an interrupt needs PHYSDEVOP_eoi.
  func tellEOI(_ pirq: UInt32, _ isNeeded: Bool) {
    let word = self[].eoiFrame.load()
    guard word != 0, pirq < 32768 else { return }
    let frame = MachineFrame(word & ~Self.unmasksEvents &- 1)
    let bit = UInt64(1) &<< UInt64(pirq & 63)
    if isNeeded {
      PhysicalWindow.fetchOr(frame, word: Int(pirq &>> 6), bit)
    } else {
      PhysicalWindow.fetchAnd(frame, word: Int(pirq &>> 6), ~bit)
    }
  }
}

extension InterruptRouting {
  /// Tells a domain of all interrupts that it has bound. One that binds an interrupt meanwhile is told then: the frame was set
  /// before.
  static func tellAll(_ domain: Ref<Domain>) {
    domain[].events.bindings.withLock { bindings in
      guard bindings.pirqPorts != nil else { return }
      for pirq in 0..<EventChannels.pirqLimit where bindings.port(pirq: pirq) != 0 {
        _ = withRecord(pirq) { if $0.bindings > 0, $0.domain == domain[].id { domain.tellEOI(pirq, $0.needsEOI) } }
      }
    }
  }

  /// What a domain is told of an interrupt when it asks (PHYSDEVOP_irq_status_query): whether it needs PHYSDEVOP_eoi. One that
  /// has neither hardware nor that interrupt is told that it does not: it must not take the lock that all interrupts need.
  ///
  /// - Throws: `invalid` if there is no such interrupt.
  public static func needsEOI(_ pirq: UInt32, _ domain: Ref<Domain>) throws(XenError) -> Bool {
    if !domain[].mayUseHardware, port(pirq, domain) == 0 {
      guard Ref<InterruptRouting>.isPublished, UInt64(pirq) < Ref<InterruptRouting>.shared[].known.load() else {
        throw .invalid
      }
      return false
    }
    guard let isNeeded = withRecord(pirq, { $0.needsEOI }) else { throw .invalid }
    return isNeeded
  }

  /// The port that a domain has bound an interrupt to; zero for none.
  private static func port(_ pirq: UInt32, _ domain: Ref<Domain>) -> UInt32 {
    domain[].events.bindings.withLock { $0.port(pirq: pirq) }
  }

  /// A domain says that it is done with an interrupt (PHYSDEVOP_eoi).
  ///
  /// - Throws: `invalid` if the number is not one of an interrupt.
  public static func endOfInterrupt(_ pirq: UInt32, _ domain: Ref<Domain>) throws(XenError) {
    guard pirq < EventChannels.pirqLimit else { throw .invalid }
    // The lock of all interrupts is for those who have one.
    let port = port(pirq, domain)
    if port == 0 { return }
    unmask(pirq, domain)
    if domain.unmasksEventsAtEOI { try Events.unmask(domain, port: EventPort(port)) }
  }
}
