// SPDX-License-Identifier: Apache-2.0
//
// What the guest may ask about memory: maps and the machine-to-page table.

import CGuestKit
import GuestKit

/// memory-map: memory_map, machine_memory_map, machphys_mapping, machphys_mfn_list, maximum_gpfn.
func memoryQuestions() -> Guest {
  Guest("memory-map", "memory maps and the machine-to-page table's place are told") { () throws(Failure) in
    let buffer = Request()
    let request = Request()
    func map(_ command: Int32, _ entries: UInt32) -> Int {
      request.set32(0, entries)
      request.set64(8, buffer.address)
      return request.call(__HYPERVISOR_memory_op, command)
    }
    // Entries are {u64 base, u64 size, u32 type}, 20 bytes.
    try expect("machine_memory_map", map(XENMEM_machine_memory_map, 100), 0)
    let count = UInt64(request.get32(0))
    try require("it has entries", count >= 2)
    var ram: UInt64 = 0
    for index in 0..<count where buffer.get32(index * 20 + 16) == 1 { ram += buffer.get64(index * 20 + 8) }
    try require("more RAM than the guest has", ram >> 12 >= StartInfo.pageCount)
    let pseudo = map(XENMEM_memory_map, 100)
    note("memory_map", pseudo)

    let mapping = Request()
    try expect("machphys_mapping", mapping.call(__HYPERVISOR_memory_op, XENMEM_machphys_mapping), 0)
    try expect("v_start", mapping.get64(0), 0xffff_8000_0000_0000)
    try require("v_end", mapping.get64(8) > mapping.get64(0))
    try require("max_mfn covers the machine", mapping.get64(16) >= 0xf000)

    let list = Request()
    let frames = Request()
    list.set32(0, 4)
    list.set64(8, frames.address)
    try expect("machphys_mfn_list", list.call(__HYPERVISOR_memory_op, XENMEM_machphys_mfn_list), 0)
    try require("at least one extent", list.get32(16) >= 1)
    var domain = xen_memory_domain(domid: selfDomain)
    let highest = hypercall(__HYPERVISOR_memory_op, XENMEM_maximum_gpfn, &domain)
    note("maximum_gpfn", highest)
    let maximum = hypercall(__HYPERVISOR_memory_op, XENMEM_maximum_reservation, &domain)
    try require("maximum_reservation", maximum >= Int(StartInfo.pageCount))
  }
}
