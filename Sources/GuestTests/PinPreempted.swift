// SPDX-License-Identifier: Apache-2.0
//
// A pin of a large tree must not hold the processor: events arrive while it is going on.

import CGuestKit
import GuestKit

/// pin-preempted: a tree of many L1 tables is pinned in one hypercall while a timer is due.
func pinPreempted() -> Guest {
  Guest("pin-preempted", "the pin of a large tree lets a timer event in and completes") { () throws(Failure) in
    let l4 = Pages.take()
    let l3 = Pages.take()
    Memory.store64(l4, Frames.machine(l3) << 12 | PageEntry.table)
    let tables: UInt64 = 6000
    let directories = (tables + 511) / 512
    var made: UInt64 = 0
    for index in 0..<directories {
      let l2 = Pages.take()
      Memory.store64(l3 + index * 8, Frames.machine(l2) << 12 | PageEntry.table)
      for slot in UInt64(0)..<512 where made < tables {
        let frame = Frames.machine(page: Frames.takeUnmapped())
        try expect("clear", MMU.extended(MMUEXT_CLEAR_PAGE, frame), 0)
        Memory.store64(l2 + slot * 8, frame << 12 | PageEntry.table)
        made += 1
      }
      MMU.protect(l2)
    }
    MMU.protect(l3)
    MMU.protect(l4)
    let timer = Events.bindVIRQ(VIRQ_TIMER)
    try expect("bind the timer", timer.result, 0)
    Events.unmask(timer.port)
    var delivered: UInt64 = 0
    eventHandler = { _, _ in if delivered == 0 { delivered = Time.system() } }
    _ = VCPU.operate(VCPUOP_stop_periodic_timer, 0)
    Events.enable()
    // The event has to come well before the end. One round may miss it when the machine under us is busy; not thirty.
    var interrupted = false
    for _ in 0..<30 where !interrupted {
      delivered = 0
      let start = Time.system()
      try expect("timer in 2 ms", Timer.set(start + 2_000_000), 0)
      try expect("pin", MMU.extended(MMUEXT_PIN_L4_TABLE, Frames.machine(l4)), 0)
      let length = Time.system() - start
      let arrival = delivered &- start
      interrupted = delivered != 0 && arrival < length / 2
      note("microseconds of the pin", Int(length / 1000))
      if delivered != 0 { note("microseconds to the event", Int(arrival / 1000)) }
      try require("the pin takes longer than the timer", length > 4_000_000)
      try expect("unpin", MMU.extended(MMUEXT_UNPIN_TABLE, Frames.machine(l4)), 0)
    }
    try require("the event came during a pin", interrupted)
    try expect("writable again", MMU.unprotect(l4), 0)
  }
}
