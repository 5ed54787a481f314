// SPDX-License-Identifier: Apache-2.0
// Domain 0's window on machine checks (`mca`, xen/arch-x86/xen-mca.h). The hypervisor keeps no log of corrected errors, and an
// uncorrected one ends the machine, so there is never anything to fetch; what can be told is which CPUs there are.
import Domains
import Machine
import XenABI

extension Hypercall {
  /// `mca`: an operation of struct xen_mc: command, interface version, then the command's own fields.
  ///
  /// - Throws: `notPermitted` for others than Domain 0; `fault`; `accessDenied` for another interface version; `notImplemented`
  ///   for notifydomain, the injections and what is not known.
  func machineCheckOp() throws(XenError) -> HypercallOutcome {
    guard domain[].isPrivileged else { throw .notPermitted }
    let at = address(0)
    let head = try GuestMemory.fetch(at, initial: UInt64(0))
    // XEN_MCA_INTERFACE_VERSION.
    guard head &>> 32 == 0x01ec_c003 else { throw .accessDenied }
    switch UInt32(truncatingIfNeeded: head) {
    case 1:
      // XEN_MC_fetch: flags become XEN_MC_NODATA (an acknowledgement is always right).
      let flags = try GuestMemory.fetch(at + 8, initial: UInt32(0))
      try GuestMemory.put(at + 8, flags & 4 != 0 ? UInt32(0) : UInt32(2))
    case 3: try describeCPUs(at)
    default: throw .notImplemented
    }
    return .success
  }

  /// XEN_MC_physcpuinfo: without a buffer how many CPUs there are, with one a struct mcinfo_logical_cpu for each.
  private func describeCPUs(_ at: LinearAddress) throws(XenError) {
    let room = try GuestMemory.fetch(at + 8, initial: UInt32(0))
    let buffer = LinearAddress(try GuestMemory.fetch(at + 16, initial: UInt64(0)))
    let count = UInt32(CPUs.started)
    if buffer.raw != 0 {
      for cpu in 0..<Int(min(room, count)) {
        try describe(cpu, buffer + UInt64(cpu) &* UInt64(MachineCheckLayout.cpuBytes))
      }
    }
    try GuestMemory.put(at + 8, count)
  }

  private func describe(_ cpu: Int, _ out: LinearAddress) throws(XenError) {
    guard GuestMemory.clear(out, count: MachineCheckLayout.cpuBytes) == MachineCheckLayout.cpuBytes else {
      throw .fault
    }
    let vendor = Registers.cpuid(0)
    let version = Registers.cpuid(1)
    let family = version.eax &>> 8 & 15
    let model = version.eax &>> 4 & 15
    func put(_ offset: Int, _ value: UInt32) throws(XenError) { try GuestMemory.put(out + UInt64(offset), value) }
    try put(MachineCheckLayout.number, UInt32(cpu))
    try put(MachineCheckLayout.apicID, CPUs.apicID(cpu))
    try put(MachineCheckLayout.cores, 1)
    try put(MachineCheckLayout.coresActive, 1)
    try put(MachineCheckLayout.threads, 1)
    try put(MachineCheckLayout.level, vendor.eax)
    try put(MachineCheckLayout.family, family == 15 ? family &+ (version.eax &>> 20 & 0xff) : family)
    try put(MachineCheckLayout.model, family == 6 || family == 15 ? model | (version.eax &>> 12 & 0xf0) : model)
    try put(MachineCheckLayout.stepping, version.eax & 15)
    try put(MachineCheckLayout.vendorName, vendor.ebx)
    try put(MachineCheckLayout.vendorName &+ 4, vendor.edx)
    try put(MachineCheckLayout.vendorName &+ 8, vendor.ecx)
  }
}
