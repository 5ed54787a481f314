// SPDX-License-Identifier: Apache-2.0
//
// CR4.DE: breakpoints on I/O ports, and debug registers 4 and 5.

import CGuestKit
import GuestKit

/// debug-ports: what DR7 takes with CR4.DE and without, and IN and OUT that meet a breakpoint.
func debugPorts() -> Guest {
  Guest("debug-ports", "CR4.DE gives breakpoints on ports, and takes debug registers 4 and 5") { () throws(Failure) in
    func set(_ register: UInt64, _ value: UInt64) -> Int { hypercall(__HYPERVISOR_set_debugreg, register, value) }
    func get(_ register: UInt64) -> Int { hypercall(__HYPERVISOR_get_debugreg, register) }
    let noDevice = -19
    let watched: UInt64 = 0x2_0401  // L0, a port of one byte
    let control = attempt([0x0f, 0x20, 0xe0]).registers.rax
    var level = physdev_set_iopl(iopl: 1)
    try expect("set_iopl", hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &level), 0)
    try expect("set DR0", set(0, 0x80), 0)
    try expect("upper half of DR7", set(7, 1 << 32 | 0x400), ErrorCode.invalid)
    try expect("upper half of DR6", set(6, 1 << 32), ErrorCode.invalid)
    try expect("set DR8", set(8, 0), noDevice)

    try expect("a write watchpoint", set(7, 0x1_0400), 0)
    try expect("a port without DE", set(7, watched), ErrorCode.notPermitted)
    try expect("nothing has changed", get(7), 0x1_0400)
    try expectFault("mov dr7, rax", attempt([0x0f, 0x23, 0xf8], rax: watched), Vector.generalProtection)
    try expect("nothing has changed", get(7), 0x1_0400)
    try expect("an inactive one", set(7, watched & ~1), 0)
    try expect("get DR7", get(7), 0x2_0400)
    try expect("DR4 is DR6", set(4, 1), 0)
    try expect("get DR6", UInt32(truncatingIfNeeded: get(6)), 0xffff_0ff1)
    try expectNoFault("mov rax, dr4", attempt([0x0f, 0x21, 0xe0]))

    try expectNoFault("mov cr4, rax", attempt([0x0f, 0x22, 0xe0], rax: control | 8))
    try expect("get DR4", get(4), noDevice)
    try expect("set DR5", set(5, 0x400), noDevice)
    try expectFault("mov rax, dr4", attempt([0x0f, 0x21, 0xe0]), Vector.invalidOpcode)
    try expectFault("mov dr5, rax", attempt([0x0f, 0x23, 0xe8], rax: 0x400), Vector.invalidOpcode)

    func meets(_ what: StaticString, _ code: [UInt8]) throws(Failure) {
      try expect("clear DR6", set(6, 0), 0)
      try expectFault(what, attempt(code), Vector.debug, offset: UInt64(code.count))
      try expect("DR6", UInt32(truncatingIfNeeded: get(6)), 0xffff_0ff1)
    }
    try expect("a port", set(7, watched), 0)
    try expect("get DR7", UInt64(get(7)), watched)
    try meets("out 0x80, al", [0xe6, 0x80])
    try meets("in al, 0x80", [0xe4, 0x80])
    try meets("in ax, 0x7f", [0x66, 0xe5, 0x7f])
    try expectNoFault("in al, 0x81", attempt([0xe4, 0x81]))
    try expect("another port", set(0, 0x81), 0)
    try expectNoFault("in al, 0x80", attempt([0xe4, 0x80]))
    try meets("in al, 0x81", [0xe4, 0x81])
    try expect("an inactive one in its place", set(7, watched & ~1), 0)
    try expectNoFault("in al, 0x81", attempt([0xe4, 0x81]))
    try expect("an active one", set(7, watched), 0)
    try expectNoFault("DE off", attempt([0x0f, 0x22, 0xe0], rax: control))
    try expectNoFault("in al, 0x81 without DE", attempt([0xe4, 0x81]))
    try expect("nothing", set(7, 0x400), 0)
  }
}
