// SPDX-License-Identifier: Apache-2.0
import Machine
import XenABI
import Domains
func physdevOp(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome {
  if call.arguments[0] == 6 {
    call.vcpu[].ioPrivilege = UInt8(try GuestMemory.fetch(call.address(1), initial: UInt32(0)) & 3)
    return .success
  }
  throw .notImplemented
}
func physdevOpCompat(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome { throw .notImplemented }
func platformOp(_ call: inout Hypercall) throws(XenError) -> HypercallOutcome { throw .notImplemented }
