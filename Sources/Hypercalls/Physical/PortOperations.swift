// SPDX-License-Identifier: Apache-2.0
// The sub-operations of physdev_op that say which code of a guest may use I/O ports. Whether a port leads to a device is
// another question (see PortEmulation).
import CXenABI
import Domains
import Machine
import XenABI

/// PHYSDEVOP_set_iopl: the I/O privilege level of the calling vCPU. The guest's kernel counts as level 1, its user mode as 3.
///
/// - Throws: `fault`; `invalid` for a level beyond 3.
func setPortPrivilege(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let level = try GuestMemory.fetch(at, initial: UInt32(0))
  guard level <= 3 else { throw .invalid }
  call.vcpu[].ioPrivilege = UInt8(level)
}

/// PHYSDEVOP_set_iobitmap: where the calling vCPU keeps its bitmap of forbidden ports. It is read when a port is used, so
/// that whether it can be is seen then.
///
/// - Throws: `fault`; `invalid` for more than 65,536 ports.
func setPortBitmap(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: martlet_set_iobitmap())
  guard request.nr_ports <= 65536 else { throw .invalid }
  call.vcpu[].ioBitmap = request.bitmap
  call.vcpu[].ioBitmapPorts = request.bitmap == 0 ? 0 : request.nr_ports
}
