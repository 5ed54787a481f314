// SPDX-License-Identifier: Apache-2.0
//
// Nonsense for Domain 0's daemons: their rings are in our memory, their events ours to send.

import CGuestKit
import GuestKit

/// attack-console-ring: indices of the console ring that make no sense, with an event for each.
func consoleRingGarbage() -> Guest {
  attack("attack-console-ring", "nonsense in the console's ring") { () throws(Failure) in
    let ring = Frames.address(machine: StartInfo.consoleFrame)
    try storm(500) { () throws(Failure) in
      for offset in [UInt64(3072), 3076, 3080, 3084] {
        Memory.store32(ring + offset, UInt32(truncatingIfNeeded: random()))
      }
      Memory.store64(ring + random(below: 384) * 8, random())
      _ = Events.send(StartInfo.consolePort)
    }
    Memory.fill(ring + 3072, words: 2, with: 0)
  }
}

/// attack-store-ring: requests and indices that make no sense for xenstored.
func storeRingGarbage() -> Guest {
  attack("attack-store-ring", "nonsense in xenstored's ring") { () throws(Failure) in
    let ring = Frames.address(machine: StartInfo.storeFrame)
    try storm(500) { () throws(Failure) in
      for word in UInt64(0)..<16 { Memory.store64(ring + word * 8, randomWord()) }
      // req_cons, req_prod, rsp_cons, rsp_prod (io/xs_wire.h)
      for offset in [UInt64(2048), 2052, 2056, 2060] {
        Memory.store32(ring + offset, UInt32(truncatingIfNeeded: randomWord()))
      }
      _ = Events.send(StartInfo.storePort)
    }
  }
}

/// attack-console-flood: lines without end; the flow ends it.
func consoleFlood() -> Guest {
  attack("attack-console-flood", "console output as fast as it goes, on both ways there are") { () throws(Failure) in
    let text = Pages.take()
    for index in UInt64(0)..<4096 { Memory.store8(text + index, UInt8(32 + index % 90)) }
    // A domain without the right gets EPERM, or its bytes are counted and forgotten; Domain 0's is not its console.
    for _ in 0..<200 {
      for command in [UInt64(CONSOLEIO_write), UInt64(CONSOLEIO_read), 2, ~0] {
        for count: UInt64 in [4096, 1, 0x8000_0000, ~0] {
          if hypercall(__HYPERVISOR_console_io, command, count, text) > 4096 { breach("more than was there", count) }
        }
      }
    }
    while true { Console.line("flood flood flood flood flood flood flood flood flood flood flood flood flood flood") }
  }
}
