// SPDX-License-Identifier: Apache-2.0
//
// The rule of type-change-flush with a second processor: while it writes through a mapping, the first takes the
// mapping away without a flush and makes the page a page table.

import CGuestKit
import GuestKit

private var window: UInt64 = 0
private var writes: UInt64 = 0
private var stopped = false

/// smp-type-change: the other processor's stale translation must not write a page table.
func typeChangeRemote() -> Guest {
  Guest("smp-type-change", "no other vCPU writes a page once it is a page table (needs 2 vCPUs)") {
    () throws(Failure) in
    window = Pages.take()
    let page = Pages.take()
    let frame = Frames.machine(page)
    try expect("map writable", MMU.map(window, frame << 12 | 3), 0)
    trapHandler = { frame in
      if frame.vector != Vector.pageFault || currentVCPU != 1 { return false }
      stopped = true
      while true { hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield)) }
    }
    let started = VCPU.initialise(1) { _ in
      while true {
        // An entry that is not present, so that what is written before the pin is a good L1 table.
        gk_store64(window + 8, writes << 1)
        writes += 1
      }
    }
    try expect("initialise", started, 0)
    try expect("up", VCPU.operate(VCPUOP_up, 1), 0)
    let busy = VCPU.wait {
      gk_barrier()
      return writes > 1000
    }
    try require("it writes", busy)
    try expect("window away, no flush", MMU.update(EntryPlace.find(window), 0), 0)
    try expect("pool read-only, no flush", MMU.map(page, frame << 12 | 1, Flush.none), 0)
    try expect("pin as L1", MMU.extended(MMUEXT_PIN_L1_TABLE, frame), 0)
    let first = Memory.load64(page + 8)
    Time.spin(20_000_000)
    try expect("the table after 20 ms", Memory.load64(page + 8), first)
    let faulted = VCPU.wait {
      gk_barrier()
      return stopped
    }
    try require("the other vCPU has faulted", faulted)
  }
}
