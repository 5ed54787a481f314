// SPDX-License-Identifier: Apache-2.0
// What the hypervisor knows of one event channel port. A record is one word, so that any CPU reads it whole at any time; it is
// only changed under its domain's lock (see EventChannels).
import Machine
import XenABI

/// What a port is. The raw values are ours; `statusCode` gives the ABI's.
public enum PortState: UInt8 {
  /// Not in use.
  case free = 0
  /// Never given out: port 0.
  case reserved = 1
  /// Waits for a domain to connect to it.
  case unbound = 2
  /// Connected to a port of another domain, or of the same.
  case interdomain = 3
  /// Bound to a physical interrupt.
  case pirq = 4
  /// Bound to a virtual interrupt.
  case virq = 5
  /// Sends to its own domain: an interrupt between vCPUs.
  case ipi = 6

  /// What EVTCHNOP_status calls it (EVTCHNSTAT_* in xen/event_channel.h).
  public var statusCode: UInt32 {
    switch self {
    case .free, .reserved: 0
    case .unbound: 1
    case .interdomain: 2
    case .pirq: 3
    case .virq: 4
    case .ipi: 5
    }
  }
}

/// One port's record.
///
///   bits 2 to 0    the state
///   bits 7 to 4    the priority of its events, 0 (highest) to 15, for FIFO delivery
///   bits 14 to 8   the vCPU that its events notify
///   bits 31 to 16  unbound: the domain that may connect; interdomain: the domain at the other end
///   bits 63 to 32  interdomain: the port at the other end; pirq, virq: the interrupt's number
public struct PortRecord: Equatable, BitwiseCopyable {
  var bits: UInt64

  /// A port that is not in use: all zero, so that a cleared frame is one of free ports.
  public static var free: PortRecord { PortRecord(bits: 0) }

  /// The priority that ports have unless set_priority says otherwise (EVTCHN_FIFO_PRIORITY_DEFAULT).
  public static let defaultPriority: UInt8 = 7

  init(bits: UInt64) { self.bits = bits }

  /// The record of a port in use; `vcpu` must be below 128.
  init(_ state: PortState, vcpu: Int = 0, domain: DomainID = DomainID(0), number: UInt32 = 0) {
    bits =
      UInt64(state.rawValue) | UInt64(PortRecord.defaultPriority) &<< 4 | UInt64(truncatingIfNeeded: vcpu & 127) &<< 8
      | UInt64(domain.raw) &<< 16 | UInt64(number) &<< 32
  }

  /// What the port is.
  @inline(__always)
  public var state: PortState {
    get { PortState(rawValue: UInt8(truncatingIfNeeded: bits & 7)) ?? .free }
    set { bits = bits & ~7 | UInt64(newValue.rawValue) }
  }
  /// The priority of its events (FIFO delivery only).
  @inline(__always)
  public var priority: Int {
    get { Int(truncatingIfNeeded: bits &>> 4 & 15) }
    set { bits = bits & ~0xf0 | UInt64(truncatingIfNeeded: newValue & 15) &<< 4 }
  }
  /// The number of the vCPU that its events notify.
  @inline(__always)
  public var vcpu: Int {
    get { Int(truncatingIfNeeded: bits &>> 8 & 127) }
    set { bits = bits & ~0x7f00 | UInt64(truncatingIfNeeded: newValue & 127) &<< 8 }
  }
  /// The queue of FIFO delivery that its events go to: 16 for each vCPU, by priority.
  @inline(__always)
  var queue: Int { vcpu &<< 4 | priority }
  /// The domain at the other end, or the one that may connect.
  @inline(__always)
  public var domain: DomainID {
    get { DomainID(UInt16(truncatingIfNeeded: bits &>> 16)) }
    set { bits = bits & ~0xffff_0000 | UInt64(newValue.raw) &<< 16 }
  }
  /// The other end's port, or the interrupt's number.
  @inline(__always)
  public var number: UInt32 {
    get { UInt32(truncatingIfNeeded: bits &>> 32) }
    set { bits = bits & 0xffff_ffff | UInt64(newValue) &<< 32 }
  }
}
