// SPDX-License-Identifier: Apache-2.0
//
// User mode runs on its own tables: nothing of the kernel and nothing of the hypervisor is reachable.

import CGuestKit
import GuestKit

/// user-isolation: reads of the kernel and the hypervisor fault in user mode.
func userIsolation() -> Guest {
  Guest("user-isolation", "user mode reaches neither the kernel's mappings nor the hypervisor's") {
    () throws(Failure) in
    // mov rax, [rdi]; ud2
    let space = UserSpace([0x48, 0x8b, 0x07, 0x0f, 0x0b])
    let kernel = gk_address_pool()
    try expectNoFault("the kernel reads it", attemptLoad(kernel))
    let targets: [UInt64] = [
      kernel, gk_address_shared_info_page(), 0xffff_8300_0000_0000, 0xffff_87ff_ffff_f000,
    ]
    for target in targets {
      space.reset()
      space.registers.rdi = target
      let fault = space.run()
      try expect("vector", fault.vector, Vector.pageFault)
      try expect("user bit, read", fault.error & 0x16, 4)
      try expect("cr2", fault.address, target)
    }
    // The kernel itself reads the machine-to-page table but not the rest of the hypervisor.
    try expectNoFault("the kernel reads the machine-to-page table", attemptLoad(0xffff_8000_0000_0000))
    let denied = attemptLoad(0xffff_8300_0000_0000)
    try expect("kernel read of the hypervisor", denied.fault?.vector ?? 0xff, Vector.pageFault)
    try expect("its cr2", denied.fault?.address ?? 0, 0xffff_8300_0000_0000)
    let write = attemptStore(0xffff_8000_0000_0000, 0)
    try expect("kernel write to the machine-to-page table", write.fault?.vector ?? 0xff, Vector.pageFault)
    // User mode may not run privileged instructions.
    let privileged = UserSpace([0x0f, 0x32])
    try expect("rdmsr by user mode", privileged.run().vector, Vector.generalProtection)
  }
}

/// user-m2p-strict: with VMASST_TYPE_m2p_strict user mode cannot read the machine-to-page table either.
func userTableStrict() -> Guest {
  Guest("user-m2p-strict", "with vm_assist m2p_strict user mode cannot read the machine-to-page table") {
    () throws(Failure) in
    let enable = hypercall(__HYPERVISOR_vm_assist, UInt64(VMASST_CMD_enable), UInt64(VMASST_TYPE_m2p_strict))
    try expect("vm_assist m2p_strict", enable, 0)
    let space = UserSpace([0x48, 0x8b, 0x07, 0x0f, 0x0b])
    space.registers.rdi = 0xffff_8000_0000_0000
    let fault = space.run()
    try expect("vector", fault.vector, Vector.pageFault)
    try expect("cr2", fault.address, 0xffff_8000_0000_0000)
    try expectNoFault("the kernel still reads it", attemptLoad(0xffff_8000_0000_0000))
  }
}
