// SPDX-License-Identifier: Apache-2.0
//
// The FIFO event channels keep their queues in the guest's memory, where the guest can write nonsense at any time.

import CGuestKit
import GuestKit

/// attack-fifo-frames: control blocks and event arrays in frames that are not ours, or are tables, or are the same.
func queueFrames() -> Guest {
  attack("attack-fifo-frames", "control blocks and event arrays of hostile frames are refused") { () throws(Failure) in
    for frame in foreignFrames() {
      for offset: UInt32 in [0, 8, 4024, 4090, 4096, ~0] {
        var control = evtchn_init_control()
        control.control_gfn = frame
        control.offset = offset
        refused("a control block", Events.operate(EVTCHNOP_init_control, &control), frame)
      }
    }
    let tables = [Frames.machine(StartInfo.pageTableBase), Frames.machine(EntryPlace.find(SharedInfo.address).table)]
    for frame in tables {
      var control = evtchn_init_control()
      control.control_gfn = frame
      refused("a control block over a page table", Events.operate(EVTCHNOP_init_control, &control), frame)
    }
    let control = Pages.take()
    var good = evtchn_init_control()
    good.control_gfn = Frames.machine(control)
    try expect("a good one", Events.operate(EVTCHNOP_init_control, &good), 0)
    for vcpu: UInt32 in [8, 127, 8192, ~0] {
      var other = good
      other.vcpu = vcpu
      refused("for no vCPU", Events.operate(EVTCHNOP_init_control, &other), UInt64(vcpu))
    }
    for frame in foreignFrames() + tables {
      var expand = evtchn_expand_array(array_gfn: frame)
      refused("an array", Events.operate(EVTCHNOP_expand_array, &expand), frame)
    }
    // As many pages of array as it takes, then one too many; they stay writable for us, so never page tables.
    let page = Pages.take()
    var count = 0
    var expand = evtchn_expand_array(array_gfn: Frames.machine(page))
    while count < 2000 && Events.operate(EVTCHNOP_expand_array, &expand) == 0 { count += 1 }
    try require("the array has an end", count <= 128)
    MMU.protect(page)
    refused("the array as a page table", MMU.extended(MMUEXT_PIN_L1_TABLE, Frames.machine(page)))
    MMU.protect(control)
    refused("the control block as a page table", MMU.extended(MMUEXT_PIN_L1_TABLE, Frames.machine(control)))
  }
}

/// attack-fifo-garbage: links, heads and flags overwritten at random while events are sent.
func queueGarbage() -> Guest {
  attack("attack-fifo-garbage", "queues overwritten with nonsense while in use lose only our events") {
    () throws(Failure) in
    Events.disable()
    var ports: [UInt32] = []
    for _ in 0..<12 { ports.append(try Events.loop().connected) }
    let control = Pages.take()
    let array = Pages.take()
    var initialise = evtchn_init_control()
    initialise.control_gfn = Frames.machine(control)
    try expect("init_control", Events.operate(EVTCHNOP_init_control, &initialise), 0)
    var expand = evtchn_expand_array(array_gfn: Frames.machine(array))
    try expect("expand_array", Events.operate(EVTCHNOP_expand_array, &expand), 0)
    try storm(600) { () throws(Failure) in
      let word = array + random(below: 64) * 4
      switch random(below: 6) {
      case 0: Memory.store32(word, UInt32(truncatingIfNeeded: random()))
      // A ring of links: each port after the other, all linked.
      case 1: for port in UInt64(0)..<64 { Memory.store32(array + port * 4, 0x2000_0000 | UInt32((port + 1) & 63)) }
      case 2: Memory.store32(control + random(below: 20) * 4, UInt32(truncatingIfNeeded: random()))
      case 3: for port in UInt64(0)..<64 { Memory.store32(array + port * 4, 0) }
      case 4:
        var priority = evtchn_set_priority(
          port: ports[Int(random(below: 12))], priority: UInt32(truncatingIfNeeded: randomWord() & 31))
        _ = Events.operate(EVTCHNOP_set_priority, &priority)
      default: Memory.store32(word, 0x2001_ffff)
      }
      for port in ports { _ = Events.send(port) }
      _ = Events.unmaskByHypercall(ports[Int(random(below: 12))])
    }
    var reset = evtchn_reset(dom: selfDomain)
    try expect("reset", Events.operate(EVTCHNOP_reset, &reset), 0)
  }
}
