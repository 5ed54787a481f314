// SPDX-License-Identifier: Apache-2.0
//
// Every hypercall that takes a pointer, given pointers that a guest may not use.

import CGuestKit
import GuestKit

/// hostile-pointers: unmapped, read-only results, non-canonical, the hypervisor's own memory, wrapping round.
func hostilePointers() -> Guest {
  Guest("hostile-pointers", "bad pointers to every hypercall are refused and nothing is written through them") {
    () throws(Failure) in
    let pointers: [UInt64] = [
      0x1000, 0x8000_0000_0000, 0x8000_0000_0000_0000, 0xffff_8000_0000_0000, 0xffff_8300_0000_0000,
      0xffff_87ff_ffff_fff8, 0xffff_ffff_ffff_fff8, ~0,
    ]
    let hypervisorWord = Memory.load64(0xffff_8000_0000_0000)
    for pointer in pointers {
      let calls: [(StaticString, Int)] = [
        ("set_trap_table", hypercall(__HYPERVISOR_set_trap_table, pointer)),
        ("mmu_update", hypercall(__HYPERVISOR_mmu_update, pointer, 1, 0, UInt64(selfDomain))),
        ("set_gdt", hypercall(__HYPERVISOR_set_gdt, pointer, 512)),
        ("platform_op", hypercall(__HYPERVISOR_platform_op, pointer)),
        ("memory_op exchange", hypercall(__HYPERVISOR_memory_op, UInt64(XENMEM_exchange), pointer)),
        ("memory_op map", hypercall(__HYPERVISOR_memory_op, UInt64(XENMEM_memory_map), pointer)),
        ("multicall", hypercall(__HYPERVISOR_multicall, pointer, 1)),
        ("xen_version", hypercall(__HYPERVISOR_xen_version, UInt64(XENVER_compile_info), pointer)),
        ("console_io", hypercall(__HYPERVISOR_console_io, UInt64(CONSOLEIO_write), 8, pointer)),
        ("grant_table_op", hypercall(__HYPERVISOR_grant_table_op, UInt64(GNTTABOP_query_size), pointer, 1)),
        ("vcpu_op", hypercall(__HYPERVISOR_vcpu_op, UInt64(VCPUOP_get_runstate_info), 0, pointer)),
        ("mmuext_op", hypercall(__HYPERVISOR_mmuext_op, pointer, 1, 0, UInt64(selfDomain))),
        ("sched_op", hypercall(__HYPERVISOR_sched_op, UInt64(SCHEDOP_poll), pointer)),
        ("callback_op", hypercall(__HYPERVISOR_callback_op, UInt64(CALLBACKOP_register), pointer)),
        ("event_channel_op", hypercall(__HYPERVISOR_event_channel_op, UInt64(EVTCHNOP_send), pointer)),
        ("physdev_op", hypercall(__HYPERVISOR_physdev_op, UInt64(PHYSDEVOP_set_iopl), pointer)),
        ("sysctl", hypercall(__HYPERVISOR_sysctl, pointer)),
        ("domctl", hypercall(__HYPERVISOR_domctl, pointer)),
      ]
      for (name, result) in calls where result != ErrorCode.badAddress {
        Console.put("  ")
        Console.put(name)
        Console.put(" with ")
        Console.put(hex: pointer)
        Console.put(" returned ")
        Console.put(decimal: Int64(result))
        Console.end()
        try require("a bad pointer is refused", result < 0)
      }
    }
    try expect("the machine-to-page table is untouched", Memory.load64(0xffff_8000_0000_0000), hypervisorWord)

    // Results must not be written through the guest's own read-only mappings.
    let page = Pages.take()
    Memory.store64(page, 0x5a5a)
    MMU.protect(page)
    try expect(
      "xen_version into a read-only page", hypercall(__HYPERVISOR_xen_version, UInt64(XENVER_extraversion), page),
      ErrorCode.badAddress)
    try expect("it is untouched", Memory.load64(page), 0x5a5a)
    // A structure over the end of the last mapped page: the first half is there, the second is not.
    let edge = Pages.take(2)
    try expect("unmap the second page", MMU.map(edge + 4096, 0), 0)
    try expect(
      "xen_version over an edge", hypercall(__HYPERVISOR_xen_version, UInt64(XENVER_compile_info), edge + 4090),
      ErrorCode.badAddress)
  }
}
