// SPDX-License-Identifier: Apache-2.0
//
// A watchpoint that fires on the instruction after a load of SS: the debug exception is then raised inside the entry
// to the hypervisor. It must be harmless.

import CGuestKit
import GuestKit

/// debug-shadow: mov ss, [rdi] with a watchpoint, followed by int3, syscall, and a fault.
func debugShadow() -> Guest {
  Guest("debug-shadow", "a pending debug exception at an entry to the hypervisor is harmless") { () throws(Failure) in
    try expect("install 3 at level 3", Traps.install(3, level: 3), 0)
    let tails: [[UInt8]] = [[0xcc], [0x0f, 0x05], [0x0f, 0x0b], [0xcd, 0x80]]
    for tail in tails {
      // mov ss, [rdi]; then the tail; then two system calls to end on
      let space = UserSpace([0x8e, 0x17] + tail + [0x0f, 0x05, 0x0f, 0x05])
      Memory.store16(space.stackPage + 64, UInt16(FLAT_RING3_SS64))
      try expect("DR0", hypercall(__HYPERVISOR_set_debugreg, 0, UserSpace.stack + 64), 0)
      // Local enable, 2 bytes, reads and writes.
      try expect("DR7", hypercall(__HYPERVISOR_set_debugreg, 7, 0x7_0401), 0)
      space.registers.rdi = UserSpace.stack + 64
      var entries = 0
      var vectors: UInt64 = 0
      while entries < 6 {
        let fault = space.run()
        vectors = vectors << 12 | fault.vector
        entries += 1
        if fault.vector == Vector.syscall { break }
        if fault.vector == Vector.invalidOpcode { space.registers.rip += 2 }
        if fault.vector == Vector.generalProtection { space.registers.rip += 2 }
      }
      Console.line("  vectors, 12 bits each", vectors)
      try require("user mode came to a system call", entries < 6)
      try expect("DR7 off", hypercall(__HYPERVISOR_set_debugreg, 7, 0x400), 0)
    }
    try expect("the hypervisor lives", hypercall(__HYPERVISOR_xen_version, 0), 4 << 16 | 17)
  }
}
