// SPDX-License-Identifier: Apache-2.0
//
// An iret frame that cannot be loaded: the fault is reported as if user mode had made it, at the frame's own rip.

import GuestKit

/// iret-bad-frame: bad selectors and a non-canonical rip in the iret frame are #GP; the guest goes on.
func iretBadFrame() -> Guest {
  Guest("iret-bad-frame", "an iret to a bad segment or address is a #GP of user mode") { () throws(Failure) in
    let space = UserSpace([0x0f, 0x05])
    space.registers.ss = 0x123b
    let badStack = space.run()
    try expect("bad stack selector: vector", badStack.vector, Vector.generalProtection)
    try expect("bad stack selector: error code", badStack.error, 0x1238)
    try expect("bad stack selector: rip", badStack.rip, UserSpace.code)

    space.reset()
    space.registers.cs = 0x123b
    let badCode = space.run()
    try expect("bad code selector: vector", badCode.vector, Vector.generalProtection)
    try expect("bad code selector: error code", badCode.error, 0x1238)

    space.reset()
    space.registers.rip = 0x8000_0000_0000_0000
    let badAddress = space.run()
    try expect("non-canonical rip: vector", badAddress.vector, Vector.generalProtection)
    try expect("non-canonical rip: error code", badAddress.error, 0)
    try expect("non-canonical rip: rip", badAddress.rip, 0x8000_0000_0000_0000)

    space.reset()
    try expect("a good frame still works", space.run().vector, Vector.syscall)
  }
}
