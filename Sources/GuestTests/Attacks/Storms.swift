// SPDX-License-Identifier: Apache-2.0
//
// Much of what is allowed, from two vCPUs at once: flushes, pins, mappings, emulated instructions that change while they are
// looked at. For dying in the middle of, too (`die=`, or xl destroy).

import CGuestKit
import GuestKit

/// Starts `body` on the second vCPU, if there is one and `die=` does not need it.
private func alsoOnSecond(_ body: @escaping () -> Void) {
  if StartInfo.number("die=") != nil { return }
  if VCPU.initialise(1, running: { _ in while true { body() } }) == 0 { _ = VCPU.operate(VCPUOP_up, 1) }
}

/// attack-flush-storm: every flush, of every CPU, with hostile masks and addresses.
func flushStorm() -> Guest {
  attack("attack-flush-storm", "flushes of all kinds without end") { () throws(Failure) in
    alsoOnSecond { _ = MMU.extended(MMUEXT_TLB_FLUSH_ALL) }
    let mask = Pages.take()
    Memory.fill(mask, words: 512, with: ~0)
    try storm(700) { () throws(Failure) in
      for command in [
        MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_INVLPG_LOCAL, MMUEXT_TLB_FLUSH_MULTI, MMUEXT_INVLPG_MULTI, MMUEXT_TLB_FLUSH_ALL,
        MMUEXT_INVLPG_ALL, MMUEXT_FLUSH_CACHE, MMUEXT_FLUSH_CACHE_GLOBAL,
      ] { _ = MMU.extended(command, randomWord(), random(below: 2) == 0 ? mask : randomWord()) }
    }
  }
}

/// attack-pin-lists: lists of pins and unpins of tables that take long, in one call: half a second with interrupts off, if each
/// of them had a time limit of its own.
func pinLists() -> Guest {
  attack("attack-pin-lists", "a multicall of lists that pin and unpin full tables") { () throws(Failure) in
    let full = FullTables()
    let list = pinList(Frames.machine(full.l2), operations: 62)
    let calls = makeMulticall(__HYPERVISOR_mmuext_op, [list, 62, 0, UInt64(selfDomain)])
    let untouched = Request()
    for word in UInt64(0)..<504 { untouched.set64(word * 8, Memory.load64(calls + word * 8)) }
    let end = Time.system() + max(2, StartInfo.number("seconds=") ?? 2) * 1_000_000_000
    while Time.system() < end {
      // What is left of a call that is interrupted stands in the list.
      for word in UInt64(0)..<504 { Memory.store64(calls + word * 8, untouched.get64(word * 8)) }
      try expect("multicall", hypercall(__HYPERVISOR_multicall, calls, 63), 0)
    }
  }
}

/// attack-pin-storm: whole address spaces pinned, unpinned, changed, by two vCPUs over the same tables.
func pinStorm() -> Guest {
  attack("attack-pin-storm", "two vCPUs pin, unpin and change the same tables") { () throws(Failure) in
    let tables = LowTables()
    for page in UInt64(0)..<256 {
      tables.set(0x40_0000 + page * pageSize, Frames.machine(Pages.take()) << 12 | 7)
    }
    tables.protect()
    let frames = [
      Frames.machine(tables.l1), Frames.machine(tables.l2), Frames.machine(tables.l3), Frames.machine(tables.l4),
    ]
    let entries = [tables.l1, tables.l2, tables.l3, tables.l4]
    var state: UInt64 = 99
    alsoOnSecond {
      state = state &* 6_364_136_223_846_793_005 &+ 1
      let which = Int(state >> 33 & 3)
      _ = MMU.extended(MMUEXT_PIN_L1_TABLE + Int32(state >> 40 & 3), frames[which])
      _ = MMU.extended(MMUEXT_UNPIN_TABLE, frames[Int(state >> 45 & 3)])
    }
    try storm(900) { () throws(Failure) in
      let which = Int(random(below: 4))
      _ = MMU.extended(MMUEXT_PIN_L1_TABLE + Int32(random(below: 4)), frames[which])
      _ = MMU.extended(MMUEXT_UNPIN_TABLE, frames[Int(random(below: 4))])
      if MMU.unprotect(entries[which]) == 0 {
        // Writable for us: then it is no table for anybody.
        refused("pinned while writable", MMU.extended(MMUEXT_PIN_L1_TABLE + Int32(which), frames[which]))
        MMU.protect(entries[which])
      }
      _ = MMU.extended(MMUEXT_NEW_USER_BASEPTR, frames[3])
      _ = MMU.extended(MMUEXT_NEW_USER_BASEPTR, 0)
    }
  }
}

/// attack-map-storm: one window mapped to this and that by two vCPUs, while it is written and copied through.
func mapStorm() -> Guest {
  attack("attack-map-storm", "a page is mapped and unmapped under hypercalls that use it") { () throws(Failure) in
    let window = Pages.take()
    let frame = Frames.machine(window)
    alsoOnSecond {
      _ = MMU.map(window, 0)
      _ = MMU.map(window, frame << 12 | 1)
      _ = MMU.map(window, frame << 12 | 3)
    }
    try storm(700) { () throws(Failure) in
      _ = hypercall(__HYPERVISOR_xen_version, UInt64(XENVER_compile_info), window)
      _ = hypercall(__HYPERVISOR_multicall, window, 8)
      _ = hypercall(__HYPERVISOR_mmu_update, window, 8, window + 64, UInt64(selfDomain))
      _ = hypercall(__HYPERVISOR_memory_op, UInt64(XENMEM_memory_map), window)
      _ = attemptStore(window, 0)
    }
  }
}

/// attack-emulation: privileged instructions that a second vCPU rewrites while they are decoded.
func emulationRace() -> Guest {
  attack("attack-emulation", "instructions that change while the hypervisor decodes them") { () throws(Failure) in
    let code = Pages.take()
    var flip: UInt64 = 0
    alsoOnSecond {
      flip &+= 1
      Memory.store8(
        code + flip % 3, [0x0f, 0x32, 0x30, 0x22, 0x20, 0xee, 0xec, 0x66, 0xf3, 0xf0, 0x48, 0x90][Int(flip % 12)])
    }
    try storm(900) { () throws(Failure) in
      Memory.store32(code, 0xc3c0_220f)
      // The code is run in place: the attempt's own page is not touched by the other vCPU.
      Memory.store8(code + 3, 0xc3)
      Memory.store8(code + 4, 0xc3)
      _ = attemptCall(code)
      _ = attempt([0x0f, 0x30], rax: random(), rcx: randomWord(), rdx: random())
    }
    // At the very end of memory and over the edge of a page.
    let edge = Pages.take(2)
    _ = MMU.map(edge + pageSize, 0)
    for start: UInt64 in [4093, 4094, 4095] {
      Memory.store8(edge + start, 0x0f)
      if start < 4095 { Memory.store8(edge + start + 1, 0x22) }
      _ = attemptCall(edge + start)
    }
  }
}

/// attack-table-churn: address spaces built, entered and given up as fast as it goes.
func tableChurn() -> Guest {
  attack("attack-table-churn", "address spaces come and go without end") { () throws(Failure) in
    let tables = LowTables()

    let pages = Pages.take(64)
    for page in UInt64(0)..<64 {
      tables.set(0x40_0000 + page * pageSize, Frames.machine(pages + page * pageSize) << 12 | 7)
    }
    tables.protect()
    let top = Frames.machine(tables.l4)
    try storm(800) { () throws(Failure) in
      try expect("pin", MMU.extended(MMUEXT_PIN_L4_TABLE, top), 0)
      try expect("user base", MMU.extended(MMUEXT_NEW_USER_BASEPTR, top), 0)
      try expect("unpin in use", MMU.extended(MMUEXT_UNPIN_TABLE, top), 0)
      try expect("no user base", MMU.extended(MMUEXT_NEW_USER_BASEPTR, 0), 0)
    }
  }
}

/// attack-assists: every assist on and off, hostile numbers too, under memory and trap work.
func assistTricks() -> Guest {
  attack("attack-assists", "assists switched on and off under load") { () throws(Failure) in
    let page = Pages.take()
    for value in UInt64(0)..<64 {
      for command in UInt64(0)..<3 {
        _ = hypercall(__HYPERVISOR_vm_assist, command, value)
        _ = MMU.map(page, 0)
        _ = MMU.unprotect(page)
        _ = attempt([0x0f, 0x0b])
      }
    }
    for value in hostileWords { for command in hostileWords { _ = hypercall(__HYPERVISOR_vm_assist, command, value) } }
    for value in UInt64(0)..<64 { _ = hypercall(__HYPERVISOR_vm_assist, 1, value) }
  }
}
