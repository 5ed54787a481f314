// SPDX-License-Identifier: Apache-2.0
//
// 32-bit user code under a 64-bit kernel: its segments, int 0x80, and back.

import CGuestKit
import GuestKit

/// user-32bit: FLAT_RING3_CS32 code runs in compatibility mode and traps into the kernel.
func compatibilityMode() -> Guest {
  Guest("user-32bit", "32-bit user code runs with the 32-bit selector and traps with it") { () throws(Failure) in
    try expect("install 0x80 at level 3", Traps.install(0x80, level: 3), 0)
    // inc eax (0x40, a prefix in 64-bit mode); int 0x80
    let space = UserSpace([0x40, 0xcd, 0x80])
    space.registers.cs = UInt64(FLAT_RING3_CS32)
    space.registers.ss = UInt64(FLAT_RING3_SS32)
    space.registers.rax = 41
    let fault = space.run()
    try expect("vector", fault.vector, 0x80)
    try expect("eax was incremented", space.registers.rax, 42)
    try expect("saved cs", fault.cs & 0xffff, UInt64(FLAT_RING3_CS32))
    try expect("rip after it", fault.rip, UserSpace.code + 3)
    let load = UserSpace([0x8b, 0x07])
    load.registers.cs = UInt64(FLAT_RING3_CS32)
    load.registers.rdi = 0x50_0000
    let page = load.run()
    try expect("page fault: vector", page.vector, Vector.pageFault)
    try expect("page fault: error", page.error, 4)
  }
}
