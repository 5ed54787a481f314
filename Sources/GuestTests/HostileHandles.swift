// SPDX-License-Identifier: Apache-2.0
//
// Good structures that hold bad pointers: the second level of what a guest can get wrong.

import CGuestKit
import GuestKit

/// hostile-handles: lists, bitmaps and areas inside good structures.
func hostileHandles() -> Guest {
  Guest("hostile-handles", "bad pointers inside good structures are refused or never used") { () throws(Failure) in
    let pointers: [UInt64] = [
      0x1000, 0x8000_0000_0000_0000, 0xffff_8000_0000_0000, 0xffff_8300_0000_0000, 0xffff_87ff_ffff_fff8, ~7,
    ]
    let hypervisorWord = Memory.load64(0xffff_8000_0000_0000)
    for pointer in pointers {
      func report(_ name: StaticString, _ result: Int) {
        Console.put("  ")
        Console.put(name)
        Console.put(" with ")
        Console.put(hex: pointer)
        note("", result)
      }
      let reservation = Request(words: [pointer, 4, 0, UInt64(selfDomain)])
      let taken = reservation.call(__HYPERVISOR_memory_op, XENMEM_populate_physmap)
      report("populate_physmap", taken)
      try require("populate_physmap: nothing done", taken <= 0)
      let given = reservation.call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation)
      report("decrease_reservation", given)
      try require("decrease_reservation: nothing done", given <= 0)
      let map = Request(words: [16, pointer])
      try require("machine_memory_map", map.call(__HYPERVISOR_memory_op, XENMEM_machine_memory_map) < 0)
      let poll = Request(words: [pointer, 1, Time.system() + 1_000_000])
      try require("poll", poll.call(__HYPERVISOR_sched_op, SCHEDOP_poll) < 0)
      let table = Request()
      table.set16(0, selfDomain)
      table.set32(4, 1)
      table.set64(16, pointer)
      let grant = GrantTable.operate(GNTTABOP_setup_table, table)
      let status = Int16(bitPattern: table.get16(8))
      report("setup_table, status", Int(status))
      try require("setup_table", grant < 0 || status != GrantStatus.okay)
      let bitmap = Request(words: [pointer, 65536])
      let ports = bitmap.call(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap)
      report("set_iobitmap", ports)
      let list = Request(words: [UInt64(__HYPERVISOR_xen_version), 0, UInt64(XENVER_compile_info), pointer])
      try expect("multicall", hypercall(__HYPERVISOR_multicall, list.address, 1), 0)
      try expect("its entry", Int(Int64(bitPattern: list.get64(8))), ErrorCode.badAddress)
      var area = pointer
      report("runstate area", VCPU.operate(VCPUOP_register_runstate_memory_area, 0, &area))
      report("time area", VCPU.operate(VCPUOP_register_vcpu_time_memory_area, 0, &area))
      // Let the hypervisor use what it took: a switch, a timer tick, a port access by user mode.
      _ = Timer.set(Time.system() + 1_000_000)
      _ = hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_yield))
      Time.spin(12_000_000)
      let space = UserSpace([0xe6, 0x80])
      try expect("port access by user mode", space.run().vector, Vector.generalProtection)
    }
    try expect("the machine-to-page table is untouched", Memory.load64(0xffff_8000_0000_0000), hypervisorWord)
  }
}
