// SPDX-License-Identifier: Apache-2.0
//
// A mapping changed with a flush for all vCPUs is seen by the others when the call is over.

import CGuestKit
import GuestKit

private var window: UInt64 = 0
private var looks: UInt64 = 0
private var value: UInt64 = 0
private var mayEnd = false

/// smp-flush: one vCPU reads all the time, the other remaps with each kind of remote flush.
func remoteFlush() -> Guest {
  Guest("smp-flush", "remote TLB flushes take effect on a running vCPU (needs 2 vCPUs)") { () throws(Failure) in
    window = Pages.take()
    let place = EntryPlace.find(window)
    let pages: [UInt64] = [Pages.take(), Pages.take()]
    Memory.store64(pages[0], 0xaaaa)
    Memory.store64(pages[1], 0xbbbb)
    let bitmap = Pages.take()
    Memory.store64(bitmap, 3)
    try expect(
      "initialise",
      VCPU.initialise(1) { _ in
        while !mayEnd {
          value = Memory.load64(window)
          gk_barrier()
          looks += 1
        }
      }, 0)
    try expect("up", VCPU.operate(VCPUOP_up, 1), 0)
    try require(
      "it runs",
      VCPU.wait {
        gk_barrier()
        return looks > 0
      })
    for round in 0..<24 {
      let page = pages[round & 1]
      let entry = Frames.machine(page) << 12 | 3
      switch round / 2 % 4 {
      case 0: try expect("remap for all", MMU.map(window, entry, Flush.onePage | Flush.allVCPUs), 0)
      case 1: try expect("remap by bitmap", MMU.map(window, entry, Flush.all | bitmap), 0)
      case 2:
        try expect("update", MMU.update(place, entry), 0)
        try expect("invlpg all", MMU.extended(MMUEXT_INVLPG_ALL, window), 0)
      default:
        try expect("update", MMU.update(place, entry), 0)
        try expect("flush multi", MMU.extended(MMUEXT_TLB_FLUSH_MULTI, 0, bitmap), 0)
      }
      gk_barrier()
      let now = looks
      try require(
        "it looks twice more",
        VCPU.wait {
          gk_barrier()
          return looks >= now + 2
        })
      try expect("what it sees", value, Memory.load64(page))
    }
    mayEnd = true
    try require("it goes down", VCPU.wait { VCPU.operate(VCPUOP_is_up, 1) == 0 })
  }
}
