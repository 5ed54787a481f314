// SPDX-License-Identifier: Apache-2.0
//
// Two processors pin and unpin the same tables at the same time.

import CGuestKit
import GuestKit

private var table: UInt64 = 0
private var go = false
private var done = false
private var wrong = 0
/// A page whose first word both vCPUs count pins in.
private var counter: UInt64 = 0

/// One round of pinning and unpinning; every answer has to be one of those that a race allows.
private func hammer(_ rounds: Int) {
  for _ in 0..<rounds {
    let pin = MMU.extended(MMUEXT_PIN_L4_TABLE, table)
    if pin == 0 { _ = gk_fetch_add64(counter, 1) }
    if pin != 0 && pin != ErrorCode.invalid && pin != ErrorCode.busy { wrong = pin }
    let unpin = MMU.extended(MMUEXT_UNPIN_TABLE, table)
    if unpin == 0 { _ = gk_fetch_add64(counter, ~0) }
    if unpin != 0 && unpin != ErrorCode.invalid && unpin != ErrorCode.busy { wrong = unpin }
  }
}

/// smp-pin-race: the count of pins comes out right, and the tables are free at the end.
func pinRace() -> Guest {
  Guest("smp-pin-race", "pins and unpins of two vCPUs do not get in each other's way (needs 2 vCPUs)") {
    () throws(Failure) in
    let tables = LowTables()
    tables.protect()
    table = Frames.machine(tables.l4)
    counter = Pages.take()
    let started = VCPU.initialise(1) { _ in
      go = true
      hammer(1500)
      done = true
    }
    try expect("initialise", started, 0)
    try expect("up", VCPU.operate(VCPUOP_up, 1), 0)
    let running = VCPU.wait {
      gk_barrier()
      return go
    }
    try require("it runs", running)
    hammer(1500)
    let finished = VCPU.wait(limit: 20_000_000_000) {
      gk_barrier()
      return done
    }
    try require("both finish", finished)
    try expect("no other answer", wrong, 0)
    try expect("as many unpins as pins", Memory.load64(counter), 0)
    try expect("nothing is pinned", MMU.extended(MMUEXT_UNPIN_TABLE, table), ErrorCode.invalid)
    for page in [tables.l4, tables.l3, tables.l2, tables.l1] { try expect("writable again", MMU.unprotect(page), 0) }
  }
}
