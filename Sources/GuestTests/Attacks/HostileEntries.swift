// SPDX-License-Identifier: Apache-2.0
//
// Where the hypervisor enters the guest, and how the guest goes back: callbacks, trap tables, stacks and iret frames with
// hostile addresses. Many of these end the domain that does them, as they must; nobody else.

import CGuestKit
import GuestKit

/// attack-callbacks: each callback at each hostile address; the last one stays, and an event comes.
func hostileCallbacks() -> Guest {
  attack("attack-callbacks", "callbacks into the hypervisor or nowhere end at most the guest") { () throws(Failure) in
    let pair = try Events.loop()
    Events.disable()
    for address in hostileWords {
      for type in Int32(0)...10 {
        for flags: UInt16 in [0, 1, 2, 0xffff] {
          let result = Callbacks.register(type, flags: flags, address: address)
          let isCanonical = address < 0x8000_0000_0000 || address >= 0xffff_8000_0000_0000
          if result == 0 && !isCanonical { breach("a callback that is not canonical", address) }
        }
        _ = Callbacks.unregister(type)
      }
      _ = hypercall(__HYPERVISOR_set_callbacks, address, address, address)
    }
    // An event with its callback in the hypervisor.
    _ = hypercall(__HYPERVISOR_set_callbacks, 0xffff_8300_0000_0000, 0xffff_8300_0000_0000, 0xffff_8300_0000_0000)
    Events.unmask(pair.listener)
    _ = Events.send(pair.connected)
    Events.enable()
    try expect("hypercalls still work", hypercall(__HYPERVISOR_xen_version, 0), 4 << 16 | 17)
  }
}

/// attack-trap-table: handlers at hostile addresses with hostile selectors, then every trap there is.
func hostileTrapTable() -> Guest {
  attack("attack-trap-table", "trap handlers in the hypervisor or nowhere end at most the guest") {
    () throws(Failure) in
    let table = Pages.take()
    for address in hostileWords {
      for selector: UInt16 in [0, 0xe033, 0xe030, 0x10, 0xffff, 0xe02b] {
        for vector in UInt64(0)..<255 {
          Memory.store64(table + vector * 16, vector | 3 << 8 | UInt64(selector) << 16)
          Memory.store64(table + vector * 16 + 8, address)
        }
        Memory.fill(table + 255 * 16, words: 2, with: 0)
        _ = hypercall(__HYPERVISOR_set_trap_table, table)
      }
    }
    // A table without an end runs out of its page.
    let endless = Pages.take()
    for vector in UInt64(0)..<256 {
      Memory.store64(endless + vector * 16, 3 | 0xe033 << 16)
      Memory.store64(endless + vector * 16 + 8, Traps.stub(3))
    }
    _ = hypercall(__HYPERVISOR_set_trap_table, endless)
    Memory.store64(table, 3 | 3 << 8 | UInt64(FLAT_RING3_CS64) << 16)
    Memory.store64(table + 8, 0xffff_8300_0000_0000)
    Memory.fill(table + 16, words: 2, with: 0)
    _ = hypercall(__HYPERVISOR_set_trap_table, table)
    Console.line("  the next trap has its handler in the hypervisor")
    Console.drain()
    _ = attempt([0xcc])
    _ = attempt([0x0f, 0x0b])
    breach("a trap whose handler is in the hypervisor came back")
  }
}

/// attack-kernel-stack: kernel stacks in hostile places, then a trap from user mode.
func hostileStack() -> Guest {
  attack("attack-kernel-stack", "a kernel stack in the hypervisor ends the guest at its next trap from user mode") {
    () throws(Failure) in
    let word = Memory.load64(0xffff_8000_0000_0000)
    let space = UserSpace([0x0f, 0x05])
    for address in hostileWords {
      for selector: UInt64 in [0, 0x10, 0xffff, UInt64(FLAT_RING3_SS64)] {
        _ = hypercall(__HYPERVISOR_stack_switch, selector, address)
      }
    }
    try expect("nothing was written", Memory.load64(0xffff_8000_0000_0000), word)
    _ = hypercall(__HYPERVISOR_stack_switch, UInt64(FLAT_RING3_SS64), 0xffff_8300_0010_0000)
    Console.line("  the next bounce frame goes to the hypervisor's memory")
    Console.drain()
    _ = space.run()
    breach("a bounce frame was written to the hypervisor's memory")
  }
}

/// attack-iret: iret frames with hostile selectors, flags, addresses; each must come back as a fault or end the domain.
func hostileReturns() -> Guest {
  attack("attack-iret", "iret frames of hostile values end in a fault of the guest's") { () throws(Failure) in
    let space = UserSpace([0x0f, 0x05])
    let selectors: [UInt64] = [
      0, 3, 0x08, 0x10, 0x33, 0xe008, 0xe010, 0xe023, 0xe02b, 0xe033, 0xe043, 0xe053, 0xe07b, 0xffff, ~0,
    ]
    for selector in selectors {
      for (code, stack) in [
        (selector, UInt64(FLAT_RING3_SS64)), (UInt64(FLAT_RING3_CS64), selector), (selector, selector),
      ] {
        // A selector of level 0 means the guest's own kernel: a return to kernel code at a user address is its own trouble.
        if code & 3 != 3 { continue }
        space.reset()
        space.registers.cs = code
        space.registers.ss = stack
        let fault = space.run()
        try require("it came back", fault.vector < 0x200)
        if fault.cs & 3 == 0 { breach("user mode came back as the kernel", code) }
      }
    }
    for value in hostileWords {
      for which in 0..<3 {
        space.reset()
        switch which {
        case 0: space.registers.rip = value
        case 1: space.registers.rsp = value
        // Not VM, whose meaning in long mode is none, but every other bit; IF and IOPL are not user mode's to set.
        default: space.registers.rflags = value & ~0x2_0000
        }
        let fault = space.run(inSystemCall: value & 8 != 0)
        if fault.cs & 3 == 0 { breach("user mode came back as the kernel", value) }
        if fault.rflags & 0x3000 == 0x3000 { breach("user mode got I/O privilege", value) }
      }
    }
    space.reset()
    try expect("a good frame still works", space.run().vector, Vector.syscall)
  }
}

/// attack-iret-random: random frames straight to the hypercall, from a random stack, until the domain ends.
func randomReturns() -> Guest {
  attack("attack-iret-random", "random iret frames, kernel ones among them, until the guest is ended") {
    () throws(Failure) in
    let space = UserSpace([0x0f, 0x05])
    trapHandler = { frame in
      // Back to where we know what comes next.
      frame.rip = Traps.stub(3)
      return false
    }
    try storm(800) { () throws(Failure) in
      space.reset()
      space.registers.cs = random(below: 2) == 0 ? randomWord() | 3 : UInt64(FLAT_RING3_CS64)
      space.registers.ss = random(below: 2) == 0 ? randomWord() | 3 : UInt64(FLAT_RING3_SS64)
      space.registers.rflags = randomWord() & ~0x2_0000
      if random(below: 2) == 0 { space.registers.rip = randomWord() }
      if random(below: 2) == 0 { space.registers.rsp = randomWord() }
      _ = space.run(inSystemCall: random(below: 2) == 0)
    }
    space.registers.cs = randomWord() & ~3
    space.registers.rip = randomWord()
    Console.drain()
    _ = space.run()
  }
}

/// attack-nmi: NMI callbacks in hostile places, NMIs to every vCPU.
func nmiTricks() -> Guest {
  attack("attack-nmi", "NMIs in a storm, with callbacks in hostile places") { () throws(Failure) in
    for address in hostileWords {
      // struct xennmi_callback: address, pad
      let request = Request(words: [address, 0])
      for command in UInt64(0)..<4 { _ = hypercall(__HYPERVISOR_nmi_op, command, request.address) }
      for vcpu in hostileWords where vcpu != 0 { _ = VCPU.operate(VCPUOP_send_nmi, vcpu) }
    }
    let good = Request(words: [gk_address_nmi_entry(), 0])
    _ = hypercall(__HYPERVISOR_nmi_op, UInt64(XENNMI_register_callback), good.address)
    trapHandler = { frame in frame.vector == Vector.nmiCallback }
    try storm(300) { () throws(Failure) in _ = VCPU.operate(VCPUOP_send_nmi, 0) }
    trapHandler = nil
  }
}
