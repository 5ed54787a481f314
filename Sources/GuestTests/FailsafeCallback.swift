// SPDX-License-Identifier: Apache-2.0
//
// The failsafe callback: a vCPU is switched away while a segment is loaded whose descriptor then disappears.

import CGuestKit
import GuestKit

private var started = false
private var arrived: UInt64 = 0

/// failsafe: needs two vCPUs on one processor, so that segments are reloaded.
func failsafe() -> Guest {
  Guest("failsafe", "a segment that cannot be reloaded ends in the failsafe callback (needs 2 vCPUs on 1 CPU)") {
    () throws(Failure) in
    let page = Pages.take()
    MMU.protect(page)
    let list = Request(words: [Frames.machine(page)])
    try expect("set_gdt", hypercall(__HYPERVISOR_set_gdt, list.address, 512), 0)
    let entry = Frames.machine(page) << 12 | 8
    try expect("a data segment", hypercall(__HYPERVISOR_update_descriptor, entry, Descriptor.data), 0)
    try expect(
      "initialise",
      VCPU.initialise(1) { _ in
        started = true
        while true { hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield)) }
      }, 0)
    try expect("up", VCPU.operate(VCPUOP_up, 1), 0)
    try require(
      "the other vCPU runs",
      VCPU.wait {
        gk_barrier()
        return started
      })
    trapHandler = { frame in
      if frame.vector != Vector.failsafe { return false }
      arrived += 1
      return true
    }
    // Without this call only one of the two would notice: the descriptor goes while fs holds its selector.
    gk_load_fs(0x0b)
    try expect("the selector is loaded", gk_read_fs(), 0x0b)
    try expect("the descriptor goes", hypercall(__HYPERVISOR_update_descriptor, entry, 0), 0)
    for _ in 0..<1000 where arrived == 0 { hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield)) }
    try expect("the failsafe callback came", arrived, 1)
    try expect("it was given the fs that could not be loaded", gk_failsafe_segments.fs & 0xffff, 0x0b)
    try expect("fs is empty now", gk_read_fs(), 0)
  }
}
