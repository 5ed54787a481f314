// SPDX-License-Identifier: Apache-2.0
//
// int3 by user mode through a level 3 gate. What a level 0 gate does is not asked here: Xen delivers it all the same
// (see docs/guests.md), the architecture would refuse it.

import GuestKit

/// trap-breakpoint-user: int3 by user mode with the gate at level 3.
func breakpointUser() -> Guest {
  Guest("trap-breakpoint-user", "int3 by user mode arrives through a level 3 gate") { () throws(Failure) in
    try expect("install 3 at level 3", Traps.install(3, level: 3), 0)
    let space = UserSpace([0x90, 0xcc, 0x0f, 0x05])
    let allowed = space.run()
    try expect("vector", allowed.vector, Vector.breakpoint)
    try expect("rip after it", allowed.rip, UserSpace.code + 2)
    try expect("going on after it", space.run().vector, Vector.syscall)
  }
}
