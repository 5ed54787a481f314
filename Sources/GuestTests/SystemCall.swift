// SPDX-License-Identifier: Apache-2.0
//
// The system call path: user mode's syscall enters the callback that the kernel registered, and the iret hypercall
// goes back in both of its forms.

import CGuestKit
import GuestKit

/// syscall: registers arrive intact, the frame is right, and both ways back work.
func systemCall() -> Guest {
  Guest("syscall", "user syscall enters the callback; iret goes back with and without VGCF_in_syscall") {
    () throws(Failure) in
    // syscall; syscall; mov rbx, rcx; syscall
    let space = UserSpace([0x0f, 0x05, 0x0f, 0x05, 0x48, 0x89, 0xcb, 0x0f, 0x05])
    space.registers.rax = 0xabcd
    space.registers.rdi = 1
    space.registers.rsi = 2
    space.registers.rdx = 3
    space.registers.r10 = 4
    space.registers.r8 = 5
    space.registers.r9 = 6
    space.registers.rbp = 7
    space.registers.r15 = 8
    let first = space.run()
    try expect("vector", first.vector, Vector.syscall)
    try expect("rip after syscall", first.rip, UserSpace.code + 2)
    try expect("cs is user mode's", first.cs & 3, 3)
    let registers = space.registers
    try expect("rax", registers.rax, 0xabcd)
    try expect("rdi", registers.rdi, 1)
    try expect("rsi", registers.rsi, 2)
    try expect("rdx", registers.rdx, 3)
    try expect("r10", registers.r10, 4)
    try expect("r8", registers.r8, 5)
    try expect("r9", registers.r9, 6)
    try expect("rbp", registers.rbp, 7)
    try expect("r15", registers.r15, 8)
    try expect("rsp", registers.rsp, UserSpace.stack + pageSize)
    try require("rflags.IF", registers.rflags & 0x200 != 0)

    // In-syscall form: rcx and r11 are the processor's, rax is ours.
    space.registers.rax = 0x77
    let second = space.run(inSystemCall: true)
    try expect("second: vector", second.vector, Vector.syscall)
    try expect("second: rip", second.rip, UserSpace.code + 4)
    try expect("second: rax from iret frame", space.registers.rax, 0x77)

    // Full form: every register is ours; user code copies rcx before the syscall overwrites it.
    space.registers.rcx = 0x1122_3344_5566
    let third = space.run()
    try expect("third: vector", third.vector, Vector.syscall)
    try expect("third: rip", third.rip, UserSpace.code + 9)
    try expect("third: rcx restored", space.registers.rbx, 0x1122_3344_5566)
  }
}
