// SPDX-License-Identifier: Apache-2.0
// What the machine is made of: processors, memory, one node of both.
import CXenABI
import Domains
import Frames
import Instructions
import Machine
import XenABI

/// XEN_SYSCTL_physinfo (struct xen_sysctl_physinfo). Pages are of 4096 bytes. Guests are paravirtualized, with grants of both
/// versions; nothing that needs hardware virtualization or an IOMMU is there.
///
/// - Throws: `fault`.
func physicalInformation(_ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  var information = xen_sysctl_physinfo()
  let place = ProcessorPlaces()
  information.threads_per_core = place.threadsPerCore
  information.cores_per_socket = place.coresPerPackage
  information.nr_cpus = place.online
  information.max_cpu_id = UInt32(truncatingIfNeeded: max(CPUs.started, 1) &- 1)
  information.nr_nodes = 1
  information.max_node_id = 0
  information.cpu_khz = UInt32(truncatingIfNeeded: Ref<Hypervisor>.shared[].clock.hertz / 1000)
  information.capabilities =
    UInt32(XEN_SYSCTL_PHYSCAP_pv) | UInt32(XEN_SYSCTL_PHYSCAP_gnttab_v1) | UInt32(XEN_SYSCTL_PHYSCAP_gnttab_v2)
  information.total_pages = MachineMemory.totalFrames
  information.free_pages = MachineMemory.freeFrames
  information.outstanding_pages = MachineMemory.outstandingClaims
  // Tools add these to the free ones. Here free frames that wait to be cleared are free ones already.
  information.scrub_pages = 0
  information.max_mfn = ledger[].frameCount &- 1
  // The features that the processors have, in the order of the first eight words of arch-x86/cpufeatureset.h.
  information.hw_cap = (
    SystemPolicy.host.feature(0), SystemPolicy.host.feature(1), SystemPolicy.host.feature(2),
    SystemPolicy.host.feature(3), SystemPolicy.host.feature(4),
    SystemPolicy.host.feature(5), SystemPolicy.host.feature(6), SystemPolicy.host.feature(7)
  )
  try GuestMemory.put(at, information)
  return .success
}

/// XEN_SYSCTL_availheap: free memory, by node and by width of its addresses.
///
/// - Throws: `fault`; `invalid` for a node that does not exist.
func availableHeap(_ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  var request = try GuestMemory.fetch(at, initial: xen_sysctl_availheap())
  guard request.node == -1 || request.node == 0 else { throw .invalid }
  // Free memory is not counted by address. Asked for a part of it, we can only say what is sure: all of it lies below the
  // machine's end, and above nothing.
  let width = UInt32(64 &- ledger[].frameCount.leadingZeroBitCount &+ 12)
  let isAll = request.min_bitwidth <= 12 && (request.max_bitwidth == 0 || request.max_bitwidth >= width)
  guard isAll else { throw .notSupported }
  request.avail_bytes = MachineMemory.freeFrames &<< 12
  try GuestMemory.put(at, request)
  return .success
}

/// XEN_SYSCTL_cputopoinfo: core, package and node of each processor (struct xen_sysctl_cputopo), as many as there is room for.
///
/// - Throws: `fault`.
func processorTopology(_ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  var request = try GuestMemory.fetch(at, initial: martlet_cputopoinfo())
  let count = UInt32(truncatingIfNeeded: CPUs.started)
  if request.cputopo != 0 {
    let topology = HostTopology(host: Processor.host)
    for cpu in 0..<min(request.num_cpus, count) {
      var entry = xen_sysctl_cputopo(core: ~0, socket: ~0, node: ~0)
      if CPUs.isOnline(Int(cpu)) {
        let identifier = CPUs.apicID(Int(cpu))
        entry = xen_sysctl_cputopo(core: topology.core(identifier), socket: topology.package(identifier), node: 0)
      }
      let place = LinearAddress(request.cputopo) + UInt64(cpu) &* UInt64(MemoryLayout<xen_sysctl_cputopo>.size)
      try GuestMemory.put(place, entry)
    }
  }
  request.num_cpus = count
  try GuestMemory.put(at, request)
  return .success
}

/// XEN_SYSCTL_numainfo: one node, with all memory (in bytes), at distance 10 from itself as ACPI's SLIT has it.
///
/// - Throws: `fault`.
func nodeInformation(_ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  var request = try GuestMemory.fetch(at, initial: martlet_numainfo())
  if request.num_nodes > 0 {
    if request.meminfo != 0 {
      let memory = xen_sysctl_meminfo(
        memsize: MachineMemory.totalFrames &<< 12, memfree: MachineMemory.freeFrames &<< 12)
      try GuestMemory.put(LinearAddress(request.meminfo), memory)
    }
    if request.distance != 0 { try GuestMemory.put(LinearAddress(request.distance), UInt32(10)) }
  }
  request.num_nodes = 1
  try GuestMemory.put(at, request)
  return .success
}

/// XEN_SYSCTL_pcitopoinfo: the node of each of a list of PCI functions: node 0 if it is there. Says how many of the list were
/// done; the caller asks again for the rest.
///
/// - Throws: `fault`; `invalid` without a list or a place for the answers.
func pciTopology(_ call: inout Hypercall, _ at: LinearAddress) throws(XenError) -> HypercallOutcome {
  var request = try GuestMemory.fetch(at, initial: martlet_pcitopoinfo())
  guard request.devs != 0, request.nodes != 0 else { throw .invalid }
  var done: UInt32 = 0
  while done < request.num_devs {
    let device = try GuestMemory.fetch(
      LinearAddress(request.devs) + UInt64(done) &* UInt64(MemoryLayout<physdev_pci_device>.size),
      initial: physdev_pci_device())
    let isThere = device.seg == 0 && PCIFunction(bus: device.bus, devfn: device.devfn).exists
    // XEN_INVALID_DEV, one less than XEN_INVALID_NODE_ID.
    try GuestMemory.put(LinearAddress(request.nodes) + UInt64(done) &* 4, isThere ? 0 : UInt32.max &- 1)
    done &+= 1
    Stretch.spend(8)
    if Stretch.isOver { break }
  }
  request.num_devs = done
  try GuestMemory.put(at, request)
  return .success
}

/// How the online processors lie together, told by the first one's neighbours.
private struct ProcessorPlaces {
  var online: UInt32 = 0
  var threadsPerCore: UInt32 = 0
  var coresPerPackage: UInt32 = 0

  init() {
    let topology = HostTopology(host: Processor.host)
    let first = CPUs.apicID(0)
    var neighbours: UInt32 = 0
    for cpu in 0..<CPUs.started where CPUs.isOnline(cpu) {
      online &+= 1
      let identifier = CPUs.apicID(cpu)
      guard topology.package(identifier) == topology.package(first) else { continue }
      neighbours &+= 1
      if topology.core(identifier) == topology.core(first) { threadsPerCore &+= 1 }
    }
    threadsPerCore = max(threadsPerCore, 1)
    coresPerPackage = max(neighbours / threadsPerCore, 1)
  }
}
