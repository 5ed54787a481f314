// SPDX-License-Identifier: Apache-2.0
//
// I/O ports: the guest kernel's right by IOPL, user mode's by IOPL 3 or by bitmap.

import CGuestKit
import GuestKit

/// iopl: port 0x80 as Domain 0, with each level and with a bitmap.
func portAccess() -> Guest {
  Guest("iopl", "port access follows set_iopl and set_iobitmap, for kernel and user mode") { () throws(Failure) in
    func level(_ value: UInt32) -> Int {
      var request = physdev_set_iopl(iopl: value)
      return hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &request)
    }
    let output: [UInt8] = [0xe6, 0x80]  // out 0x80, al
    try expect("set_iopl 4", level(4), ErrorCode.invalid)
    try expect("set_iopl 1", level(1), 0)
    try expectNoFault("kernel, IOPL 1: out 0x80", attempt(output))
    try expectNoFault("kernel, IOPL 1: in 0x80", attempt([0xe4, 0x80]))
    try expectNoFault("kernel, IOPL 1: out dx", attempt([0xee], rdx: 0x80))
    try expect("set_iopl 0", level(0), 0)
    try expectFault("kernel, IOPL 0", attempt(output), Vector.generalProtection)

    let space = UserSpace([0xe6, 0x80, 0x0f, 0x05])
    try expect("user, IOPL 0", space.run().vector, Vector.generalProtection)
    try expect("set_iopl 1", level(1), 0)
    space.reset()
    try expect("user, IOPL 1", space.run().vector, Vector.generalProtection)
    try expect("set_iopl 3", level(3), 0)
    space.reset()
    try expect("user, IOPL 3", space.run().vector, Vector.syscall)
    try expect("set_iopl 0", level(0), 0)

    // A bitmap with port 0x80 open: struct physdev_set_iobitmap is a pointer and a count.
    let bitmap = Pages.take(2)
    Memory.fill(bitmap, words: 1024, with: ~0)
    Memory.store8(bitmap + 0x80 / 8, 0xfe)
    let request = Request(words: [bitmap, 65536])
    try expect("set_iobitmap", request.call(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap), 0)
    space.reset()
    try expect("user, port open in the bitmap", space.run().vector, Vector.syscall)
    Memory.store8(bitmap + 0x80 / 8, 0xff)
    space.reset()
    try expect("user, port closed in the bitmap", space.run().vector, Vector.generalProtection)
    request.set32(8, 65537)
    try expect("bitmap too long", request.call(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap), ErrorCode.invalid)
  }
}
