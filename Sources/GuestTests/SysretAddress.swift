// SPDX-License-Identifier: Apache-2.0
//
// A system call at the very end of the lower half returns to an address that is not canonical; the hypervisor must
// not take the fault of that return itself.

import CGuestKit
import GuestKit

/// sysret-canonical: the return is a #GP of the guest, in both iret forms.
func sysretAddress() -> Guest {
  Guest("sysret-canonical", "a syscall return to a non-canonical address is the guest's own fault") {
    () throws(Failure) in
    // Only to set the trap stack up; then tables for the last page of the lower half.
    let space = UserSpace([0x0f, 0x05])
    let top: UInt64 = 0x7fff_ffff_f000
    let code = Pages.take()
    Memory.store8(code + 4094, 0x0f)
    Memory.store8(code + 4095, 0x05)
    let tables = LowTables(base: top & ~0x1f_ffff)
    tables.set(top, Frames.machine(code) << 12 | PageEntry.present | PageEntry.user)
    tables.pin()
    try expect("user base", MMU.extended(MMUEXT_NEW_USER_BASEPTR, Frames.machine(tables.l4)), 0)
    for inSystemCall in [false, true] {
      space.reset()
      space.registers.rip = top + 4094
      space.registers.rsp = top
      let call = space.run()
      try expect("vector", call.vector, Vector.syscall)
      try expect("rip after it", call.rip, 0x8000_0000_0000)
      let back = space.run(inSystemCall: inSystemCall)
      try expect("the return: vector", back.vector, Vector.generalProtection)
      try expect("the return: user mode's", back.cs & 3, 3)
    }
    try expect("the hypervisor lives", hypercall(__HYPERVISOR_xen_version, 0), 4 << 16 | 17)
  }
}
