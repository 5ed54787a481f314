// SPDX-License-Identifier: Apache-2.0
// event_channel_op and its older form: which sub-operation it is. Sending comes first, as it is called most.
import CXenABI
import Domains
import Machine
import XenABI

/// Operations on event channels (`event_channel_op(cmd, arg)`, xen/event_channel.h).
///
/// - Throws: `notImplemented` for an operation that does not exist; `fault` if the arguments cannot be read or written; what
///   the operation throws.
public func eventChannelOp(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  if call.arguments[0] == EventChannelOperation.send.rawValue {
    let port = try EventPort(fetching: call.address(1))
    try Events.send(call.domain, port: port)
    return .success
  }
  guard let operation = EventChannelOperation(rawValue: call.arguments[0] & 0xffff_ffff) else { throw .notImplemented }
  let at = call.address(1)
  switch operation {
  case .send: try Events.send(call.domain, port: try EventPort(fetching: at))
  case .unmask: try Events.unmask(call.domain, port: try EventPort(fetching: at))
  case .allocateUnbound: try allocateUnbound(call, at)
  case .bindInterdomain: try bindInterdomain(call, at)
  case .bindVIRQ: try bindVIRQ(call, at)
  case .bindPIRQ: try bindPIRQ(call, at)
  case .bindIPI: try bindIPI(call, at)
  case .bindVCPU: try bindVCPU(call, at)
  case .close: try Events.close(call.domain, port: try EventPort(fetching: at))
  case .status: try status(call, at)
  case .initControl: try initControl(call, at)
  case .expandArray: try expandArray(call, at)
  case .setPriority: try setPriority(call, at)
  case .reset:
    call.arguments[2] = 0
    return try reset(&call, at)
  case .resetContinued: return try reset(&call, at)
  }
  return .success
}

/// The form from before Xen 3.2 (`event_channel_op_compat(op)`, `struct evtchn_op`): the operation stands before its
/// arguments. It has no operations newer than unmask.
///
/// - Throws: as `eventChannelOp`.
public func eventChannelOpCompat(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  let command = try GuestMemory.fetch(call.address(0), initial: UInt32(0))
  guard UInt64(command) <= EventChannelOperation.unmask.rawValue else { throw .notImplemented }
  var inner = call
  inner.arguments[0] = UInt64(command)
  inner.arguments[1] = call.arguments[0] &+ EventChannelResult.compatibleBody
  return try eventChannelOp(&inner)
}

extension EventPort {
  /// The port that stands at a guest address, as the first (or only) word of a structure.
  @inline(__always)
  init(fetching address: LinearAddress) throws(XenError) {
    self.init(try GuestMemory.fetch(address, initial: UInt32(0)))
  }
}
