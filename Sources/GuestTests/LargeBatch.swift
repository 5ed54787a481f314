// SPDX-License-Identifier: Apache-2.0
//
// A batch that takes longer than a hypercall may: it is preempted, goes on, and counts right.

import CGuestKit
import GuestKit

/// mmu-large-batch: 20,000 updates in one mmu_update, a timer event in between, the done count whole.
func largeBatch() -> Guest {
  Guest("mmu-large-batch", "a batch of 20000 updates is preempted, completes and counts right") { () throws(Failure) in
    let tables = LowTables()
    tables.pin()
    let count: UInt64 = 20_000
    let list = Pages.take(count * 16 / pageSize + 1)
    for index in 0..<count {
      let place = EntryPlace(table: tables.l1, index: index % 512)
      Memory.store64(list + index * 16, place.machineAddress)
      // Absent entries: the number of the update, shifted past the present bit.
      Memory.store64(list + index * 16 + 8, index << 1)
    }
    let timer = Events.bindVIRQ(VIRQ_TIMER)
    try expect("bind", timer.result, 0)
    _ = VCPU.operate(VCPUOP_stop_periodic_timer, 0)
    Events.unmask(timer.port)
    Events.enable()
    let result = Request()
    var delivered: UInt64 = 0
    eventHandler = { _, _ in if delivered == 0 { delivered = Time.system() } }
    var interrupted = false
    for _ in 0..<30 where !interrupted {
      delivered = 0
      result.set32(0, 0)
      let start = Time.system()
      try expect("timer", Timer.set(start + 500_000), 0)
      let answer = hypercall(__HYPERVISOR_mmu_update, list, count, result.address, UInt64(selfDomain))
      let end = Time.system()
      try expect("result", answer, 0)
      try expect("done count", result.get32(0), UInt32(count))
      interrupted = delivered != 0 && delivered < end - (end - start) / 10
    }
    try require("the event came during a batch", interrupted)
    for index in UInt64(0)..<512 {
      let last = index + (count - 1 - index) / 512 * 512
      try expect("the last value written", EntryPlace(table: tables.l1, index: index).value, last << 1)
    }
    // A bad one near the end: the count says how far it came.
    let bad = count - 3
    Memory.store64(list + bad * 16 + 8, Frames.machine(tables.l2) << 12 | PageEntry.table)
    let answer = hypercall(__HYPERVISOR_mmu_update, list, count, result.address, UInt64(selfDomain))
    try expect("result with a bad one", answer, ErrorCode.busy)
    try expect("done count with a bad one", result.get32(0), UInt32(bad))
  }
}
