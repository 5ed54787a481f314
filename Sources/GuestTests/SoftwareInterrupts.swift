// SPDX-License-Identifier: Apache-2.0
//
// Software interrupts in user mode: the gate's level decides. The vector is not in the fault's error code alone: see
// the note on QEMU 7.2 in README.md.

import GuestKit

/// software-interrupt: int n arrives through a level 3 gate and is #GP(n*8+2) through a level 0 gate.
func softwareInterrupt() -> Guest {
  Guest("software-interrupt", "int n by user mode: delivered at level 3, #GP(n*8+2) at level 0") { () throws(Failure) in
    try expect("install 0x90 at level 3", Traps.install(0x90, level: 3), 0)
    try expect("install 0x91 at level 0", Traps.install(0x91, level: 0), 0)

    let allowed = UserSpace([0xcd, 0x90]).run()
    try expect("int 0x90: vector", allowed.vector, 0x90)
    try expect("int 0x90: rip after it", allowed.rip, UserSpace.code + 2)

    let denied = UserSpace([0xcd, 0x91]).run()
    try expect("int 0x91: vector", denied.vector, Vector.generalProtection)
    try expect("int 0x91: error code", denied.error, 0x91 * 8 + 2)
    try expect("int 0x91: rip at it", denied.rip, UserSpace.code)
  }
}

/// software-interrupt-kernel: the same instruction from the guest's kernel through a level 3 gate.
func softwareInterruptKernel() -> Guest {
  Guest("software-interrupt-kernel", "int n by the guest's kernel through a level 3 gate") { () throws(Failure) in
    try expect("install 0x90 at level 3", Traps.install(0x90, level: 3), 0)
    try expectFault("int 0x90", attempt([0xcd, 0x90]), 0x90, offset: 2)
  }
}

/// software-interrupt-80: int 0x80 has a fast path of its own in many hypervisors.
func softwareInterrupt80() -> Guest {
  Guest("software-interrupt-80", "int 0x80 by user mode reaches the kernel") { () throws(Failure) in
    try expect("install 0x80 at level 3", Traps.install(0x80, level: 3), 0)
    let space = UserSpace([0xcd, 0x80])
    space.registers.rax = 0x1234
    let fault = space.run()
    try expect("vector", fault.vector, 0x80)
    try expect("rip after it", fault.rip, UserSpace.code + 2)
    try expect("rax", space.registers.rax, 0x1234)
  }
}
