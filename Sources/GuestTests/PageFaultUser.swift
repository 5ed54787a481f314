// SPDX-License-Identifier: Apache-2.0
//
// Page faults of user mode have the user bit.

import GuestKit

/// page-fault-user: read, write and execute in user mode.
func pageFaultUser() -> Guest {
  Guest("page-fault-user", "user page faults have the user bit in the error code") { () throws(Failure) in
    let load = UserSpace([0x48, 0x8b, 0x07])
    load.registers.rdi = 0x50_0000
    let read = load.run()
    try expect("read absent: vector", read.vector, Vector.pageFault)
    try expect("read absent: error", read.error, 4)
    try expect("read absent: cr2", read.address, 0x50_0000)
    try expect("saved cs is user mode's", read.cs & 3, 3)

    let store = UserSpace([0x48, 0x89, 0x07])
    store.registers.rdi = 0x50_0008
    try expect("write absent: error", store.run().error, 6)
    store.reset()
    store.registers.rdi = UserSpace.readOnly + 8
    let denied = store.run()
    try expect("write read-only: error", denied.error, 7)
    try expect("write read-only: cr2", denied.address, UserSpace.readOnly + 8)

    // jmp rdi into the stack page, which may not be executed
    let jump = UserSpace([0xff, 0xe7])
    jump.registers.rdi = UserSpace.stack
    let execute = jump.run()
    try expect("execute denied: error", execute.error, 0x15)
    try expect("execute denied: rip", execute.rip, UserSpace.stack)
    jump.reset()
    jump.registers.rdi = 0x50_0000
    try expect("execute absent: error", jump.run().error, 0x14)
  }
}
