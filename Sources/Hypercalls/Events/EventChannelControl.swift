// SPDX-License-Identifier: Apache-2.0
// The sub-operations on ports that exist, and on the way in which events are delivered.
import CXenABI
import Domains
import Machine
import XenABI

/// EVTCHNOP_bind_vcpu.
///
/// - Throws: `fault`; `noEntry` without that vCPU; `invalid` if the port is not in use or its vCPU is fixed.
func bindVCPU(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: evtchn_bind_vcpu())
  try Events.bindVCPU(call.domain, port: EventPort(request.port), vcpu: request.vcpu)
}

/// EVTCHNOP_status.
///
/// - Throws: `fault`; `notPermitted` for another domain's port by one without privilege; `noSuchDomain`; `invalid` without
///   that port.
func status(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  // The structure holds a union, so it goes field by field.
  let domain = try GuestMemory.fetch(at + EventChannelResult.statusDomain, initial: UInt16(0))
  let port = try GuestMemory.fetch(at + EventChannelResult.statusPort, initial: UInt32(0))
  let record = try Events.status(try call.target(domain), port: EventPort(port))
  try GuestMemory.put(at + EventChannelResult.status, record.state.statusCode)
  try GuestMemory.put(at + EventChannelResult.statusVCPU, UInt32(record.vcpu))
  switch record.state {
  case .unbound: try GuestMemory.put(at + EventChannelResult.statusNumber, record.domain.raw)
  case .interdomain:
    try GuestMemory.put(at + EventChannelResult.statusNumber, record.domain.raw)
    try GuestMemory.put(at + EventChannelResult.statusRemotePort, record.number)
  case .pirq, .virq: try GuestMemory.put(at + EventChannelResult.statusNumber, record.number)
  case .free, .reserved, .ipi: break
  }
}

/// EVTCHNOP_init_control.
///
/// - Throws: `fault`; `noEntry` without that vCPU; `invalid` if the place will not do or the vCPU has one already;
///   `noMemory`.
func initControl(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: evtchn_init_control())
  try Events.initControl(
    call.domain, vcpu: request.vcpu, frame: MachineFrame(request.control_gfn), offset: request.offset)
  try GuestMemory.put(at + EventChannelResult.linkBits, UInt8(truncatingIfNeeded: EVTCHN_FIFO_LINK_BITS))
}

/// EVTCHNOP_expand_array.
///
/// - Throws: `fault`; `notSupported` without FIFO delivery; `noSpace` if the array is complete; `invalid` if the frame will
///   not do; `noMemory`.
func expandArray(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: evtchn_expand_array())
  try Events.expandArray(call.domain, frame: MachineFrame(request.array_gfn))
}

/// EVTCHNOP_set_priority.
///
/// - Throws: `fault`; `invalid` if the port is not in use or there is no such priority; `notImplemented` without FIFO
///   delivery.
func setPriority(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: evtchn_set_priority())
  try Events.setPriority(call.domain, port: EventPort(request.port), request.priority)
}

/// EVTCHNOP_reset and the rest of it after a preemption: the third argument says from which port on. (A guest that sets it
/// itself closes only part of its ports.)
///
/// - Throws: `fault`; `notPermitted` for another domain by one without privilege; `noSuchDomain`.
func reset(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  let target = try call.target(try GuestMemory.fetch(at, initial: UInt16(0)))
  var next = UInt32(truncatingIfNeeded: min(call.arguments[2], UInt64(EventChannels.fifoPorts)))
  while !Events.closeAll(target, next: &next, count: 8) {
    Stretch.spend(16)
    if Stretch.isOver {
      call.arguments[0] = EventChannelOperation.resetContinued.rawValue
      call.arguments[2] = UInt64(next)
      return .again
    }
  }
  if target == call.domain { Events.finishReset(target) }
  return .success
}
