// SPDX-License-Identifier: Apache-2.0
// Swift names for the numbers and layouts of xen/event_channel.h.
import CXenABI

/// Operations on event channels (EVTCHNOP_*, xen/event_channel.h).
public enum EventChannelOperation: UInt64 {
  case bindInterdomain = 0
  case bindVIRQ = 1
  case bindPIRQ = 2
  case close = 3
  case send = 4
  case status = 5
  case allocateUnbound = 6
  case bindIPI = 7
  case bindVCPU = 8
  case unmask = 9
  case reset = 10
  case initControl = 11
  case expandArray = 12
  case setPriority = 13
  /// The rest of a reset that was preempted (EVTCHNOP_reset_cont, the hypervisor's own).
  case resetContinued = 14
}

/// The control block of a vCPU's queues (`struct evtchn_fifo_control_block`).
public enum ControlBlockLayout {
  /// Bytes of the structure.
  @inlinable public static var size: Int { Int(SIZE_evtchn_fifo_control_block) }
  /// The offset of the first of 16 heads; the word of ready queues is at offset zero.
  @inlinable public static var head: Int { Int(OFFSET_evtchn_fifo_control_block_head) }
}

/// Where the results of event channel operations go in their structures: byte offsets.
public enum EventChannelResult {
  /// `evtchn_alloc_unbound.port`.
  @inlinable public static var allocateUnboundPort: UInt64 { UInt64(OFFSET_evtchn_alloc_unbound_port) }
  /// `evtchn_bind_interdomain.local_port`.
  @inlinable public static var bindInterdomainPort: UInt64 { UInt64(OFFSET_evtchn_bind_interdomain_local_port) }
  /// `evtchn_bind_virq.port`.
  @inlinable public static var bindVIRQPort: UInt64 { UInt64(OFFSET_evtchn_bind_virq_port) }
  /// `evtchn_bind_pirq.port`.
  @inlinable public static var bindPIRQPort: UInt64 { UInt64(OFFSET_evtchn_bind_pirq_port) }
  /// `evtchn_bind_ipi.port`.
  @inlinable public static var bindIPIPort: UInt64 { UInt64(OFFSET_evtchn_bind_ipi_port) }
  /// `evtchn_init_control.link_bits`.
  @inlinable public static var linkBits: UInt64 { UInt64(OFFSET_evtchn_init_control_link_bits) }
  /// `evtchn_status`: the port asked for, then what comes back.
  @inlinable public static var statusDomain: UInt64 { UInt64(OFFSET_evtchn_status_dom) }
  /// `evtchn_status.port`.
  @inlinable public static var statusPort: UInt64 { UInt64(OFFSET_evtchn_status_port) }
  /// `evtchn_status.status`.
  @inlinable public static var status: UInt64 { UInt64(OFFSET_evtchn_status_status) }
  /// `evtchn_status.vcpu`.
  @inlinable public static var statusVCPU: UInt64 { UInt64(OFFSET_evtchn_status_vcpu) }
  /// `evtchn_status.u`, of which most members are one number.
  @inlinable public static var statusNumber: UInt64 { UInt64(OFFSET_evtchn_status_u) }
  /// `evtchn_status.u.interdomain.port`.
  @inlinable public static var statusRemotePort: UInt64 { UInt64(OFFSET_evtchn_status_interdomain_port) }
  /// `evtchn_op`, the old way to call: where the operation's own structure starts.
  @inlinable public static var compatibleBody: UInt64 { UInt64(OFFSET_evtchn_op_u) }
}

/// BIND_PIRQ__WILL_SHARE: the guest shares the interrupt with other domains.
public let bindPIRQWillShare: UInt32 = 1
