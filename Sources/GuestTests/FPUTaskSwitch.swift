// SPDX-License-Identifier: Apache-2.0
//
// fpu_taskswitch: the guest's own TS flag.

import CGuestKit
import GuestKit

/// fpu-taskswitch: set gives #NM, clear takes it away; the registers survive hypercalls.
func fpuTaskSwitch() -> Guest {
  Guest("fpu-taskswitch", "fpu_taskswitch sets and clears TS; #NM arrives") { () throws(Failure) in
    try expect("set", hypercall(__HYPERVISOR_fpu_taskswitch, 1), 0)
    try expectFault("fld1", attempt([0xd9, 0xe8]), Vector.deviceNotAvailable)
    try expect("clear", hypercall(__HYPERVISOR_fpu_taskswitch, 0), 0)
    // fninit; fldpi; leave it on the stack
    try expectNoFault("load pi", attempt([0xdb, 0xe3, 0xd9, 0xeb]))
    try expect("block for a while", Timer.set(Time.system() + 2_000_000), 0)
    _ = hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield))
    Time.spin(4_000_000)
    // fstp qword [rdi]
    let result = Pages.take()
    try expectNoFault("store it", attempt([0xdd, 0x1f], rdi: result))
    try expect("pi", Memory.load64(result), 0x4009_21fb_5444_2d18)
  }
}
