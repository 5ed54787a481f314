// SPDX-License-Identifier: Apache-2.0
//
// memory_op in others' names: each operation that says whose memory it means.

import CGuestKit
import GuestKit

/// memory.h has these for tools only: XENMEM_paging_op, XENMEM_access_op, XENMEM_sharing_op, XENMEM_claim_pages.
private let pagingOperation: Int32 = 20
private let accessOperation: Int32 = 21
private let sharingOperation: Int32 = 22
private let claimPages: Int32 = 24

/// attack-memory-others: reservations, physmap, claims, resources, sharing and paging of other domains.
func memoryOfOthers() -> Guest {
  attack("attack-memory-others", "memory operations on other domains are refused and change nothing") {
    () throws(Failure) in
    let list = Request(words: [Victim.frame, 0, 0, 0])
    let request = Request()
    for domain in otherDomains() {
      func reservation(_ command: Int32) -> Int {
        list.set64(0, Victim.frame)
        request.set64(0, list.address)
        request.set64(8, 1)
        request.set64(16, 0)
        request.set64(24, UInt64(domain))
        return request.call(__HYPERVISOR_memory_op, command)
      }
      for command in [XENMEM_increase_reservation, XENMEM_decrease_reservation, XENMEM_populate_physmap] {
        if reservation(command) > 0 { breach("another's reservation", UInt64(domain)) }
      }
      refused("another's claim", reservation(claimPages), UInt64(domain))
      // struct xen_memory_domain
      for command in [XENMEM_current_reservation, XENMEM_maximum_reservation, XENMEM_maximum_gpfn] {
        request.set64(0, UInt64(domain))
        refused("another's size", request.call(__HYPERVISOR_memory_op, command), UInt64(domain))
      }
      // struct xen_add_to_physmap: domain, size, space; index; page
      for space in UInt64(0)...6 {
        request.set64(0, UInt64(domain) | 1 << 16 | space << 32)
        request.set64(8, Victim.frame)
        request.set64(16, 5)
        refused("another's map", request.call(__HYPERVISOR_memory_op, XENMEM_add_to_physmap), UInt64(domain))
        refused("another's map", request.call(__HYPERVISOR_memory_op, XENMEM_remove_from_physmap), UInt64(domain))
      }
      // struct xen_mem_acquire_resource: domain, type, id; count, pad; first; list
      for type in UInt64(0)...3 {
        request.set64(0, UInt64(domain) | type << 16)
        request.set64(8, 1)
        request.set64(16, 0)
        request.set64(24, list.address)
        refused("another's resource", request.call(__HYPERVISOR_memory_op, XENMEM_acquire_resource), UInt64(domain))
      }
      // Those that begin with the domain, and take more.
      for command in [
        XENMEM_set_memory_map, XENMEM_set_pod_target, pagingOperation, accessOperation, sharingOperation,
        XENMEM_get_vnumainfo, XENMEM_add_to_physmap_batch,
      ] {
        for word in UInt64(0)..<8 { request.set64(word * 8, word == 0 ? UInt64(domain) | 1 << 32 : list.address) }
        refused("an operation on another", request.call(__HYPERVISOR_memory_op, command), UInt64(command))
      }
    }
    // The machine's memory map is Domain 0's to know.
    let map = Request(words: [16, list.address])
    refused("the machine's map", map.call(__HYPERVISOR_memory_op, XENMEM_machine_memory_map))
    for command in Int32(29)...62 where command != XENMEM_acquire_resource {
      refused("an unknown operation", hypercall(__HYPERVISOR_memory_op, UInt64(command), list.address), UInt64(command))
    }
  }
}
