// SPDX-License-Identifier: Apache-2.0
// Maps of memory: a domain's own, the machine's, and the ranges that devices need.
import CXenABI
import Domains
import Machine
import XenABI

/// Gives the first entries of a map, as many as fit, and how many those are.
private func put(_ map: E820Map, _ request: martlet_memory_map, _ at: LinearAddress) throws(XenError) {
  let count = min(request.nr_entries, UInt32(map.count))
  for index in 0..<Int(count) {
    let to = LinearAddress(request.buffer) + UInt64(index) &* E820Entry.wireSize
    try GuestMemory.put(to, map[index].start)
    try GuestMemory.put(to + 8, map[index].size)
    try GuestMemory.put(to + 16, map[index].kind)
  }
  try GuestMemory.put(at + UInt64(OFFSET_memory_map_nr_entries), count)
}

/// XENMEM_memory_map: the map that the caller's builder has set.
///
/// - Throws: `notImplemented` if none was set: the guest then makes its own from its number of pages; `fault`.
func domainMemoryMap(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let map = call.domain[].memory.withLock { $0.map }
  guard map.count > 0 else { throw .notImplemented }
  try put(map, try GuestMemory.fetch(at, initial: martlet_memory_map()), at)
}

/// XENMEM_machine_memory_map: the firmware's map. Without a buffer, how many entries it has.
///
/// - Throws: `notPermitted` without privilege; `fault`.
func machineMemoryMap(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  guard call.domain[].isPrivileged else { throw .notPermitted }
  let request = try GuestMemory.fetch(at, initial: martlet_memory_map())
  guard Ref<MachineMemory>.isPublished else { throw .notImplemented }
  if request.buffer == 0 {
    try GuestMemory.put(at + UInt64(OFFSET_memory_map_nr_entries), UInt32(Ref<MachineMemory>.shared[].map.count))
    return
  }
  try put(Ref<MachineMemory>.shared[].map, request, at)
}

/// XENMEM_set_memory_map: the map that a domain is to see.
///
/// - Throws: `fault`; `notPermitted` for another domain by one without privilege; `noSuchDomain`; `tooBig` for more entries
///   than a map has; `noMemory`.
func setMemoryMap(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: martlet_foreign_memory_map())
  guard request.map.nr_entries <= UInt32(E820Map.capacity) else { throw .tooBig }
  let domain = try call.target(request.domid)
  var map = E820Map()
  for index in 0..<UInt64(request.map.nr_entries) {
    let from = LinearAddress(request.map.buffer) + index &* E820Entry.wireSize
    _ = map.append(
      E820Entry(
        start: try GuestMemory.fetch(from, initial: 0), size: try GuestMemory.fetch(from + 8, initial: 0),
        kind: try GuestMemory.fetch(from + 16, initial: 0)))
  }
  guard domain[].memory.withLock({ $0.setMap(map) }) else { throw .noMemory }
}

/// XENMEM_reserved_device_memory_map: there are no such ranges, as no IOMMU is driven.
///
/// - Throws: `fault`; `invalid` for flags that do not exist.
func reservedDeviceMemory(_ call: Hypercall, _ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: martlet_reserved_device_memory_map())
  guard request.flags & ~UInt32(XENMEM_RDM_ALL) == 0 else { throw .invalid }
  try GuestMemory.put(at + UInt64(OFFSET_reserved_device_memory_map_nr_entries), UInt32(0))
}
