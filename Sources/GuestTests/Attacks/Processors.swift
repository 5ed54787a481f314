// SPDX-License-Identifier: Apache-2.0
//
// vCPUs: started with hostile states, their areas laid over what is not theirs, their timers, their ends.

import CGuestKit
import GuestKit

/// attack-vcpu-states: a second vCPU with random start states, again and again, up and down.
func hostileStates() -> Guest {
  attack("attack-vcpu-states", "vCPUs with random start states are refused or end only the guest") {
    () throws(Failure) in
    let context = Pages.take(2)
    for round in UInt64(0)..<300 {
      gk_fill_context(
        context,
        gk_start(
          rip: gk_address_secondary_entry(), rsp: gk_address_stacks() + 2 * UInt64(GK_STACK_BYTES), rdi: 1,
          cr3: round % 3 == 0 ? Victim.table << 12 : Frames.machine(StartInfo.pageTableBase) << 12,
          trap_stack: gk_address_stacks() + UInt64(GK_STACK_BYTES) * 3 / 2))
      // Some words of it, anywhere: registers, tables of descriptors and traps, control and debug registers, bases.
      for _ in 0..<1 + random(below: 6) {
        let word = round % 3 == 1 ? 4816 / 8 + random(below: 44) : random(below: 5168 / 8)
        Memory.store64(context + word * 8, randomWord())
      }
      let result = hypercall(__HYPERVISOR_vcpu_op, UInt64(VCPUOP_initialise), 1, context)
      if result == 0 {
        // ctrlreg[3]
        if Memory.load64(context + 5008) == Victim.table << 12 { breach("a vCPU on another's page tables") }
        Console.line("  a state was taken")
        Console.drain()
        _ = VCPU.operate(VCPUOP_up, 1)
        Time.spin(30_000_000)
        _ = VCPU.operate(VCPUOP_down, 1)
        break
      }
    }
    // The number is an unsigned int: its upper half may be left out.
    for vcpu in hostileWords where vcpu & 0xffff_ffff > 1 {
      refused(
        "a vCPU that is not there", hypercall(__HYPERVISOR_vcpu_op, UInt64(VCPUOP_initialise), vcpu, context), vcpu)
      refused("a vCPU that is not there", VCPU.operate(VCPUOP_up, vcpu), vcpu)
      refused("a vCPU that is not there", VCPU.operate(VCPUOP_is_up, vcpu), vcpu)
    }
  }
}

/// attack-areas: vcpu_info, runstate and time areas over page tables, the hypervisor, nothing, others' frames.
func hostileAreas() -> Guest {
  attack("attack-areas", "areas for the hypervisor to write to, in hostile places") { () throws(Failure) in
    let request = Request()
    let word = Memory.load64(0xffff_8000_0000_0000)
    let place = EntryPlace.find(SharedInfo.address)
    let entry = place.value
    var addresses = hostileWords
    for level in UInt64(1)...4 { addresses.append(EntryPlace.find(SharedInfo.address, level: level).address) }
    addresses += [place.table + 4094, gk_address_image_start()]
    for address in addresses {
      request.set64(0, address)
      for command in [VCPUOP_register_runstate_memory_area, VCPUOP_register_vcpu_time_memory_area] {
        _ = request.call0(command)
      }
      hypercall(__HYPERVISOR_vm_assist, UInt64(VMASST_CMD_enable), UInt64(VMASST_TYPE_runstate_update_flag))
      hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield))
      Time.spin(2_000_000)
      try expect("a page table is as it was", place.value, entry)
      try expect("the hypervisor is as it was", Memory.load64(0xffff_8000_0000_0000), word)
    }
    // struct vcpu_register_vcpu_info: frame, offset
    var frames = foreignFrames()
    frames += [Frames.machine(StartInfo.pageTableBase), Frames.machine(place.table)]
    for frame in frames {
      for offset: UInt32 in [0, 64, 4032, 4064, 4095, 4096, ~0] {
        request.set64(0, frame)
        request.set32(8, offset)
        refused("vcpu_info there", request.call0(VCPUOP_register_vcpu_info), frame)
      }
    }
    try expect("a page table is as it was", place.value, entry)
  }
}

extension Request {
  /// A vcpu_op on vCPU 0 with this argument.
  fileprivate func call0(_ command: Int32) -> Int { hypercall(__HYPERVISOR_vcpu_op, UInt64(command), 0, address) }
}

/// attack-timers: times past and beyond all time, periods of nothing, thousands a second.
func timerStorm() -> Guest {
  attack("attack-timers", "timers in the past, without end and in a storm") { () throws(Failure) in
    let timer = Events.bindVIRQ(VIRQ_TIMER)
    try expect("bind", timer.result, 0)
    Events.unmask(timer.port)
    Events.enable()
    for value in hostileWords {
      _ = Timer.set(value)
      _ = Timer.singleShot(value)
      _ = Timer.singleShot(value, flags: ~0)
      let period = Timer.periodic(value)
      if period == 0 && value > 0 && value < 1000 { breach("a period that nobody can keep", value) }
      Time.spin(500_000)
    }
    _ = Timer.periodic(1_000_000)
    try storm(400) { () throws(Failure) in
      _ = Timer.set(Time.system() &- 1)
      _ = Timer.set(Time.system() &+ 1000)
      _ = Timer.singleShot(Time.system() &+ random(below: 2000))
    }
    _ = VCPU.operate(VCPUOP_stop_periodic_timer, 0)
  }
}

/// attack-shutdown-storm: two vCPUs end the domain at once, with every reason, again and again.
func shutdownStorm() -> Guest {
  attack("attack-shutdown-storm", "both vCPUs shut the domain down, for every reason") { () throws(Failure) in
    try expect(
      "a second vCPU",
      VCPU.initialise(1) { _ in
        while true {
          for reason in UInt32(0)..<8 {
            var request = sched_shutdown(reason: reason)
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown_code, &request)
            var other = sched_watchdog(id: 0, timeout: 1)
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &other)
          }
        }
      }, 0)
    try expect("it is up", VCPU.operate(VCPUOP_up, 1), 0)
    for word in hostileWords {
      var code = sched_shutdown(reason: UInt32(truncatingIfNeeded: word))
      hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown_code, &code)
      var request = sched_remote_shutdown(domain_id: UInt16(truncatingIfNeeded: word), reason: 0)
      refused("another shut down", hypercall(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &request), word)
    }
    for reason in [UInt32(SHUTDOWN_suspend), UInt32(SHUTDOWN_reboot), 77, ~0] {
      var request = sched_shutdown(reason: reason)
      hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &request)
    }
  }
}

/// attack-poll: ports without end, pointers to nothing, sleeps past all time; then blocked for ever.
func hostilePoll() -> Guest {
  attack("attack-poll", "polls with hostile lists, then asleep for ever") { () throws(Failure) in
    let request = Request()
    for pointer in hostileWords {
      for count: UInt64 in [0, 1, 2, 128, 129, 0xffff_ffff] {
        // struct sched_poll: list, count, timeout; a time that is past, so that good ones return
        request.set64(0, pointer)
        request.set64(8, count)
        request.set64(16, 1)
        let result = request.call(__HYPERVISOR_sched_op, SCHEDOP_poll)
        if count > 128 { refused("more ports than there may be", result, count) }
      }
    }
    for command in UInt64(4)..<40 where command != 6 {
      _ = hypercall(__HYPERVISOR_sched_op, command, 0xffff_8300_0000_0000)
    }
    for timeout in hostileWords where timeout != 0 && timeout < 0x8000_0000 {
      request.set64(0, request.address + 64)
      request.set64(8, 1)
      request.set32(64, 5)
      request.set64(16, timeout)
      _ = request.call(__HYPERVISOR_sched_op, SCHEDOP_poll)
    }
    Events.disable()
    while true { hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_block)) }
  }
}

/// attack-spin: two vCPUs that never stop, with events off.
func spinForever() -> Guest {
  attack("attack-spin", "two vCPUs use all the time they can get") { () throws(Failure) in
    Events.disable()
    if VCPU.initialise(1, running: { _ in while true { gk_pause() } }) == 0 { _ = VCPU.operate(VCPUOP_up, 1) }
    while true { hypercall(__HYPERVISOR_xen_version, 0) }
  }
}
