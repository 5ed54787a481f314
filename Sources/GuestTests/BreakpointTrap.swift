// SPDX-License-Identifier: Apache-2.0
//
// int3 is a trap, not a fault, and software may raise it only through a gate of its own level.

import GuestKit

/// trap-breakpoint: int3 with DPL 3 arrives with rip after it.
func breakpointTrap() -> Guest {
  Guest("trap-breakpoint", "int3 through a DPL 3 gate arrives, with rip after the instruction") { () throws(Failure) in
    try expect("set_trap_table", Traps.install(3, level: 3), 0)
    try expectFault("int3", attempt([0xcc]), Vector.breakpoint, offset: 1)
  }
}
