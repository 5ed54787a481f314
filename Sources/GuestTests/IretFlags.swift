// SPDX-License-Identifier: Apache-2.0
//
// What user mode gets of the flags in an iret frame: its own, and none that would give it a right.

import CGuestKit
import GuestKit

/// iret-flags: IOPL is not taken from the frame, IF is always on, VM and NT do no harm.
func iretFlags() -> Guest {
  Guest("iret-flags", "an iret frame's flags give user mode no I/O right and never turn interrupts off") {
    () throws(Failure) in
    // pushfq; pop rbx; syscall; out 0x80, al
    let space = UserSpace([0x9c, 0x5b, 0x0f, 0x05, 0xe6, 0x80])
    let generous: [UInt64] = [0x3202, 0x3002, 0x2, 0x202, 0x8d5, 0x7_0202, 0x20_0202]
    for flags in generous {
      space.reset()
      space.registers.rflags = flags
      let fault = space.run()
      try expect("vector", fault.vector, Vector.syscall)
      let seen = space.registers.rbx
      try expect("IOPL in user mode", seen >> 12 & 3, 0)
      try expect("IF in user mode", seen >> 9 & 1, 1)
      try expect("VM in user mode", seen >> 17 & 1, 0)
      try expect("arithmetic flags", seen & 0x8d5, flags & 0x8d5)
      let output = space.run()
      try expect("out by user mode", output.vector, Vector.generalProtection)
    }
  }
}
