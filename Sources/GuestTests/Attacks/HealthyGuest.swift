// SPDX-License-Identifier: Apache-2.0
//
// The guest that is attacked: it says what an attacker would like to know (its frames, a grant, a port), then shows every
// 200 ms that it is alive and that nobody has touched what is its own. It has no end; whoever started it destroys it.

import CGuestKit
import GuestKit

/// Pages that hold a pattern.
private let patternPages: UInt64 = 256
private let beat: UInt64 = 200_000_000

/// healthy: a line `BEAT n` each 200 ms, or one line `SICK what`.
func healthyGuest() -> Guest {
  Guest("healthy", "the guest beside an attacker: it beats, and tells what was done to it") { () throws(Failure) in
    let table = try GrantTable.setUp()
    let pages = Pages.take(patternPages)
    for page in 0..<patternPages { fill(pages + page * pageSize, page) }
    let granted = Pages.take()
    fill(granted, 77)
    GrantTable.grant(table, 9, frame: Frames.machine(granted), domain: 0)
    var unbound = evtchn_alloc_unbound(dom: selfDomain, remote_dom: 0, port: 0)
    try expect("a port for Domain 0", Events.operate(EVTCHNOP_alloc_unbound, &unbound), 0)
    let timer = Events.bindVIRQ(VIRQ_TIMER)
    try expect("a timer", timer.result, 0)
    _ = VCPU.operate(VCPUOP_stop_periodic_timer, 0)
    let owner = OwnDomain.identifier

    Console.put("HEALTHY victim=")
    Console.put(decimal: Int64(owner))
    Console.put(" vframe=")
    Console.put(decimal: Int64(Frames.machine(pages)))
    Console.put(" vtable=")
    Console.put(decimal: Int64(Frames.machine(StartInfo.pageTableBase)))
    Console.put(" vgrant=9 vport=")
    Console.put(decimal: Int64(unbound.port))
    Console.end()

    let poll = Request(words: [0, 1, 0])
    poll.set64(0, poll.address + 64)
    poll.set32(64, timer.port)
    let topEntry = EntryPlace.find(pages, level: 4).value
    var lastTime = Time.system()
    var number: UInt64 = 0
    var due: UInt64 = 0
    while true {
      // How late it came to run, for whoever reads the log: it depends on the host as well.
      let late = due == 0 ? 0 : Time.system() &- due
      // What is its own: memory, the way to it, its grant, its time, its machine-to-page entries, its registers.
      for page in 0..<patternPages where !isFilled(pages + page * pageSize, page) { sick("memory was changed") }
      if !isFilled(granted, 77) { sick("the granted page was changed") }
      if EntryPlace.find(pages, level: 4).value != topEntry { sick("the page tables were changed") }
      if Memory.load16(table + 72) != GrantTable.permitAccess { sick("the grant is in use by somebody") }
      for page in 0..<StartInfo.pageCount {
        let frame = Frames.machine(page: page)
        if frame != ~0 && Frames.page(machine: frame) != page { sick("the machine-to-page table was changed") }
      }
      if Events.status(unbound.port).status != UInt32(EVTCHNSTAT_unbound) { sick("the port was bound by somebody") }
      let now = Time.system()
      if now < lastTime { sick("time went backwards") }
      lastTime = now
      number += 1
      gk_set_vector0(number &* 0x9e37_79b9_7f4a_7c15)
      Console.put("BEAT ")
      Console.put(decimal: Int64(number))
      Console.put(" late ")
      Console.put(decimal: Int64(late / 1000))
      Console.end()
      due = now + beat
      poll.set64(16, due)
      hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_poll), poll.address)
      if gk_get_vector0() != number &* 0x9e37_79b9_7f4a_7c15 { sick("a vector register was changed") }
    }
  }
}

private func sick(_ what: StaticString) -> Never {
  Console.put("SICK ")
  Console.put(what)
  Console.end()
  Runner.shutdown(SHUTDOWN_crash)
}

private func fill(_ page: UInt64, _ seed: UInt64) {
  for word in 0..<UInt64(512) { Memory.store64(page + word * 8, pattern(seed, word)) }
}

private func isFilled(_ page: UInt64, _ seed: UInt64) -> Bool {
  for word in 0..<UInt64(512) where Memory.load64(page + word * 8) != pattern(seed, word) { return false }
  return true
}

private func pattern(_ seed: UInt64, _ word: UInt64) -> UInt64 { (seed &* 512 &+ word &+ 1) &* 0xd134_2543_de82_ef95 }
