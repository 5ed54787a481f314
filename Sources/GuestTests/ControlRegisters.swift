// SPDX-License-Identifier: Apache-2.0
//
// Control registers by emulated instructions: reads tell the guest's own state, writes change what a guest may.

import CGuestKit
import GuestKit

/// control-registers: CR0, CR2, CR3, CR4, CLTS, WBINVD, RDTSC.
func controlRegisters() -> Guest {
  Guest("control-registers", "CR reads and writes, clts, and wbinvd are emulated for the kernel") {
    () throws(Failure) in
    let cr0 = attempt([0x0f, 0x20, 0xc0])
    try expectNoFault("mov rax, cr0", cr0)
    try expect("CR0: PG, WP, NE, PE", cr0.registers.rax & 0x8001_0021, 0x8001_0021)
    _ = attemptLoad(0x4455_6000)
    let cr2 = attempt([0x0f, 0x20, 0xd0])
    try expectNoFault("mov rax, cr2", cr2)
    try expect("CR2 is the last fault's", cr2.registers.rax, 0x4455_6000)
    let cr3 = attempt([0x0f, 0x20, 0xd8])
    try expectNoFault("mov rax, cr3", cr3)
    try expect("CR3 names the L4's frame", cr3.registers.rax >> 12, Frames.machine(StartInfo.pageTableBase))
    let cr4 = attempt([0x0f, 0x20, 0xe0])
    try expectNoFault("mov rax, cr4", cr4)
    try expect("CR4: PAE", cr4.registers.rax >> 5 & 1, 1)
    try expectNoFault("mov cr4, same", attempt([0x0f, 0x22, 0xe0], rax: cr4.registers.rax))
    try expectNoFault("mov cr3, same", attempt([0x0f, 0x22, 0xd8], rax: cr3.registers.rax))
    try expectFault("mov cr3, not a table", attempt([0x0f, 0x22, 0xd8], rax: ~0xfff), Vector.generalProtection)
    // TS by CR0, taken away by clts
    try expectNoFault("mov cr0 with TS", attempt([0x0f, 0x22, 0xc0], rax: cr0.registers.rax | 8))
    try expectFault("fld1 with TS", attempt([0xd9, 0xe8]), Vector.deviceNotAvailable)
    try expectNoFault("clts", attempt([0x0f, 0x06]))
    try expectNoFault("fld1 after it", attempt([0xd9, 0xe8, 0xdb, 0xe3]))
    try expectNoFault("wbinvd", attempt([0x0f, 0x09]))
    try expectNoFault("rdtsc", attempt([0x0f, 0x31]))
    try expectFault("mov cr8", attempt([0x44, 0x0f, 0x22, 0xc0], rax: 3), Vector.generalProtection)
  }
}
