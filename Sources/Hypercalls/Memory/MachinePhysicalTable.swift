// SPDX-License-Identifier: Apache-2.0
// Where the machine-to-physical table is: for guests by address, for the toolstack by frames.
import CXenABI
import Domains
import Machine
import XenABI

/// XENMEM_machphys_mapping: the addresses at which every guest finds the table.
///
/// - Throws: `fault`.
func machinePhysicalMapping(_ at: LinearAddress) throws(XenError) {
  let table = Ref<Hypervisor>.shared[].machineToPhysical
  var mapping = xen_machphys_mapping()
  mapping.v_start = UInt(HypervisorSpace.machineToPhysical)
  mapping.v_end = UInt(HypervisorSpace.machineToPhysical &+ table.entries &* 8)
  mapping.max_mfn = UInt(table.entries &- 1)
  try GuestMemory.put(at, mapping)
}

/// XENMEM_machphys_mfn_list: the frames that the table's parts of 2 MiB begin with.
///
/// - Throws: `fault`.
func machinePhysicalFrames(_ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: martlet_machphys_mfn_list())
  let table = Ref<Hypervisor>.shared[].machineToPhysical
  // 2 MiB hold as many entries of 8 bytes. The table is contiguous.
  let parts = (table.entries &+ 0x3_ffff) &>> 18
  // Even a table for 16 TiB has no more parts than can be written at once.
  let count = min(UInt64(request.max_extents), parts)
  for part in 0..<count {
    try GuestMemory.put(LinearAddress(request.extent_start) + part &* 8, (table.first + part &<< 9).number)
  }
  try GuestMemory.put(at + UInt64(OFFSET_machphys_mfn_list_nr_extents), UInt32(count))
}
