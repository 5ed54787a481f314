// SPDX-License-Identifier: Apache-2.0
//
// stack_switch: where the hypervisor pushes the frame of a trap from user mode.

import CGuestKit
import GuestKit

/// stack-switch: the frame of the next user trap lies at the new stack's top.
func stackSwitch() -> Guest {
  Guest("stack-switch", "stack_switch moves the stack that user traps arrive on") { () throws(Failure) in
    let space = UserSpace([0x0f, 0x05])
    // Within vCPU 0's stack area, below GuestKit's usual trap stack.
    let top = gk_address_stacks() + 0x3000
    try expect("stack_switch", hypercall(__HYPERVISOR_stack_switch, UInt64(FLAT_RING3_SS64), top), 0)
    Memory.fill(top - 56, words: 7, with: 0x5555)
    try expect("vector", space.run().vector, Vector.syscall)
    // ss, rsp, rflags, cs, rip from the top down.
    try expect("saved rsp", Memory.load64(top - 16), UserSpace.stack + pageSize)
    try expect("saved rip", Memory.load64(top - 40), UserSpace.code + 2)
    try expect("saved cs", Memory.load64(top - 32) & 0xffff, UInt64(FLAT_RING3_CS64))
  }
}
