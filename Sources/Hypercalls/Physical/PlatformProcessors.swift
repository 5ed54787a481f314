// SPDX-License-Identifier: Apache-2.0
// The machine's processors, as Domain 0 sees and manages them.
import CXenABI
import Domains
import Machine
import XenABI

/// Whether a processor's number is one of those that were started.
private func exists(_ cpu: UInt32) -> Bool { UInt64(cpu) < UInt64(CPUs.started) }

/// XENPF_get_cpuinfo: whether a processor is in use, and what the firmware calls it.
///
/// - Throws: `fault`.
func processorInformation(_ at: LinearAddress) throws(XenError) {
  var request = try GuestMemory.fetch(at, initial: xenpf_pcpuinfo())
  request.max_present = UInt32(CPUs.started &- 1)
  if exists(request.xen_cpuid) {
    let number = Int(request.xen_cpuid)
    request.flags = CPUs.isOnline(number) ? UInt32(XEN_PCPU_FLAGS_ONLINE) : 0
    request.apic_id = CPUs.apicID(number)
    request.acpi_id = Ref<Hypervisor>.shared[].cpus[number]?[].acpiID ?? UInt32(number)
  } else {
    request.flags = UInt32(XEN_PCPU_FLAGS_INVALID)
  }
  try GuestMemory.put(at, request)
}

/// A processor's family, model and stepping, as CPUID leaf 1 packs them.
struct ProcessorVersion: Equatable {
  let family: UInt32
  let model: UInt32
  let stepping: UInt32

  init(leaf1: UInt32) {
    let base = leaf1 &>> 8 & 15
    family = base == 15 ? base &+ leaf1 &>> 20 & 0xff : base
    model = leaf1 &>> 4 & 15 | (base == 6 || base == 15 ? leaf1 &>> 12 & 0xf0 : 0)
    stepping = leaf1 & 15
  }
}

/// XENPF_get_cpu_version: which processor it is. All are alike, so any can answer for another.
///
/// - Throws: `fault`.
func processorVersion(_ at: LinearAddress) throws(XenError) {
  let cpu = try GuestMemory.fetch(at, initial: UInt32(0))
  let isThere = exists(cpu) && CPUs.isOnline(Int(cpu))
  let vendor = Registers.cpuid(0)
  let version = ProcessorVersion(leaf1: isThere ? Registers.cpuid(1).eax : 0)
  try GuestMemory.put(at + UInt64(OFFSET_pcpu_version_max_present), UInt32(CPUs.started &- 1))
  let name = at + UInt64(OFFSET_pcpu_version_vendor_id)
  try GuestMemory.put(name, isThere ? vendor.ebx : 0)
  try GuestMemory.put(name + 4, isThere ? vendor.edx : 0)
  try GuestMemory.put(name + 8, isThere ? vendor.ecx : 0)
  try GuestMemory.put(at + UInt64(OFFSET_pcpu_version_family), version.family)
  try GuestMemory.put(at + UInt64(OFFSET_pcpu_version_model), version.model)
  try GuestMemory.put(at + UInt64(OFFSET_pcpu_version_stepping), version.stepping)
}

/// XENPF_cpu_online: all processors are in use from boot on.
///
/// - Throws: `fault`; `invalid` if there is no such processor; `notSupported` for one that is not in use.
func bringProcessorUp(_ at: LinearAddress) throws(XenError) {
  let cpu = try GuestMemory.fetch(at, initial: UInt32(0))
  guard exists(cpu) else { throw .invalid }
  guard CPUs.isOnline(Int(cpu)) else { throw .notSupported }
}

/// XENPF_cpu_offline: processors stay in use.
///
/// - Throws: always: `fault`, `invalid` if there is no such processor, or `notSupported`.
func takeProcessorDown(_ at: LinearAddress) throws(XenError) {
  guard exists(try GuestMemory.fetch(at, initial: UInt32(0))) else { throw .invalid }
  throw .notSupported
}

/// XENPF_core_parking: no processor is ever kept idle on purpose.
///
/// - Throws: `fault`; `notSupported` for a wish to have some idle; `invalid` for a type that does not exist.
func parkProcessors(_ at: LinearAddress) throws(XenError) {
  let request = try GuestMemory.fetch(at, initial: xenpf_core_parking())
  switch Int32(bitPattern: request.type) {
  case XEN_CORE_PARKING_GET: try GuestMemory.put(at + UInt64(OFFSET_core_parking_idle_nums), UInt32(0))
  case XEN_CORE_PARKING_SET: guard request.idle_nums == 0 else { throw .notSupported }
  default: throw .invalid
  }
}

/// XENPF_resource_op: model-specific registers, of which Domain 0 may read one: the time-stamp counter, which gives the system
/// time. Gives the number of operations done; the entry of the next one says why not.
///
/// - Throws: `fault`; `invalid` for more than 8 entries; `noDevice` if the processor is not in use.
func readResources(_ at: LinearAddress) throws(XenError) -> UInt64 {
  let request = try GuestMemory.fetch(at, initial: martlet_resource_op())
  guard request.nr_entries <= 8 else { throw .invalid }
  guard exists(request.cpu), CPUs.isOnline(Int(request.cpu)) else { throw .noDevice }
  for index in 0..<UInt64(request.nr_entries) {
    let place = LinearAddress(request.entries) + index &* UInt64(MemoryLayout<martlet_resource_entry>.size)
    var entry = try GuestMemory.fetch(place, initial: martlet_resource_entry())
    if entry.rsvd == 0 && Int32(bitPattern: entry.cmd_or_ret) == XEN_RESOURCE_OP_MSR_READ && entry.idx == 0x10 {
      entry.val = Hypervisor.now
      try GuestMemory.put(place, entry)
    } else {
      let known = entry.cmd_or_ret <= UInt32(XEN_RESOURCE_OP_MSR_WRITE)
      let refusal: XenError = entry.rsvd != 0 ? .invalid : known ? .accessDenied : .notSupported
      entry.cmd_or_ret = UInt32(truncatingIfNeeded: refusal.result)
      try GuestMemory.put(place, entry)
      return index
    }
  }
  return UInt64(request.nr_entries)
}

/// XENPF_get_symbol: the hypervisor's own symbols, one by one. The number of the next is given back; the same one after the
/// last.
///
/// - Throws: `fault`.
func symbol(_ at: LinearAddress) throws(XenError) {
  var request = try GuestMemory.fetch(at, initial: martlet_symdata())
  guard UInt64(request.symnum) < UInt64(SymbolTable.count) else {
    request.namelen = 0
    try GuestMemory.put(at, request)
    return
  }
  let index = Int(request.symnum)
  let room = Int(request.namelen)
  var isWritten = true
  func put(_ offset: Int, _ byte: UInt8) {
    guard offset < room else { return }
    if (try? GuestMemory.write(LinearAddress(request.name) + UInt64(offset), byte)) == nil { isWritten = false }
  }
  let length = SymbolTable.forEachByte(ofName: index) { put($0, $1) }
  put(length, 0)
  guard isWritten else { throw .fault }
  request.namelen = UInt32(length)
  request.address = SymbolTable.address(index)
  // Code: the table holds nothing else.
  request.type = 0x54
  request.symnum &+= 1
  try GuestMemory.put(at, request)
}
